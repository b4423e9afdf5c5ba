-- What entered; the answer is the rows whose version was not known before. A version that is known is
-- dropped here and nowhere else.
insert into outbox (id, source, entity, external_id, version_key, version_at, api_version, payload,
                    content_type, run_id, next_attempt_at, received_at)
select i.id, $1, i.entity, i.external_id, i.version_key, i.version_at, i.api_version, i.payload,
       $2, $3, $4, $5
from unnest($6, $7, $8, $9, $10, $11, $12)
     as i (id, entity, external_id, version_key, version_at, api_version, payload)
on conflict (source, entity, external_id, version_key) do nothing
returning id
