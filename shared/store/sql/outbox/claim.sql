-- Takes what is pending of these rows and marks it processed at once: both hold only if the transaction,
-- with the rows' effects, commits. What another worker holds is skipped, not waited for.
with free as (
    select id from outbox
    where id = any($1) and status = 'pending'
    for update skip locked
)
update outbox o
set status = 'processed', processed_at = $2, last_error = null, error_kind = null
from free
where o.id = free.id
returning o.id, o.source, o.entity, o.external_id, o.version_at, o.payload, o.run_id
