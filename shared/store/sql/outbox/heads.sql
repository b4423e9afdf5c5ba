-- Rows without their payloads, which may be what cannot be worked. The lock keeps other workers from
-- them until they are marked dead.
select id, source, entity, external_id, version_at, ''::bytea as payload, run_id,
       null::boolean as livemode, null::text as currency
from outbox
where id = any(:ids) and status = 'pending'
order by id
for update
