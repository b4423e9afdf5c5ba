-- Claims the pending rows of these ids and marks them processed at once: both hold only if the
-- transaction, with the rows' effects, commits. A row that another worker holds is skipped, not
-- waited for. Each row comes with what is known of its vendor's account.
with free as (
    select id, source from outbox
    where id = any(:ids) and status = 'pending'
    for update skip locked
)
update outbox o
set status = 'processed', processed_at = :now, last_error = null, error_kind = null
from free
left join vendor_accounts a on a.source = free.source
where o.id = free.id
returning o.id, o.source, o.entity, o.external_id, o.version_at, o.payload, o.content_type,
          o.content_encoding, o.run_id, a.livemode, a.currency
