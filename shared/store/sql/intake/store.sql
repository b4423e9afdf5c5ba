-- The rows of a request without an Idempotency-Key, in the order of the ids: two requests that share some must not
-- wait for each other in a circle. Of an id that comes twice the first stands.
insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type,
                    next_attempt_at, received_at)
select i.id, $1, $2, i.external_id, $3, i.version_at, i.payload, $4, $5, $6
from unnest($7, $8, $9, $10) with ordinality as i (id, external_id, version_at, payload, place)
order by i.external_id, i.place
on conflict (source, entity, external_id, version_key) do nothing
returning id
