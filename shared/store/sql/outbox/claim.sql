-- Claims the pending rows of these ids and marks them processed at once: both hold only if the
-- transaction, with the rows' effects, commits. A row that another worker holds is skipped, not
-- waited for.
with free as (
    select id from outbox
    where id = any(:ids) and status = 'pending'
    for update skip locked
)
update outbox o
set status = 'processed', processed_at = :now, last_error = null, error_kind = null
from free
where o.id = free.id
returning o.id, o.source, o.entity, o.external_id, o.version_at, o.payload, o.run_id
