-- Rows that are pending or dead, without their payloads, which may be what cannot be worked. The lock
-- keeps other workers from them. What is known of their accounts is not asked for.
select id, source, entity, external_id, version_at, ''::bytea as payload, content_type,
       content_encoding, run_id, null::boolean as livemode, null::text as currency
from outbox
where id = any(:ids) and status <> 'processed'
order by id
for update
