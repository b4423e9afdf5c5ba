-- Claims the pending rows of these ids and marks them processed at once: both hold only if the
-- transaction, with the rows' effects, commits. A row that another worker holds is skipped, not
-- waited for, and a row whose connection is being erased is left to `relay`. Each row comes with what is
-- known of its vendor's account, and with the stamp of its connection if that has a row.
--
-- The ids are given once more, by the first and the last, so that the planner looks at the leaves of
-- these rows only. The other statements about rows by their ids do the same.
with free as (
    select o.id, o.source, o.error_kind as before, c.revision + coalesce(p.revision, 0) as stamp
    from outbox o
    left join connections c on c.name = o.source
    left join connections p on p.name = c.parent
    where o.id = any(:ids) and o.status = 'pending' and c.state is distinct from 'erasing' and c.state is distinct from 'erased'
    for update of o skip locked
)
update outbox o
set status = 'processed', processed_at = :now, last_error = null, error_kind = null, error_field = null
from free
left join vendor_accounts a on a.source = free.source
where o.id = free.id and o.id between :first and :last
returning o.id, o.source, o.entity, o.external_id, o.version_at, o.payload, o.content_type,
          o.content_encoding, o.query, o.received_at, o.attempts,
          -- The run has counted a row that is read again.
          case when free.before is distinct from 'reread' then o.run_id end as run_id, a.livemode, a.currency, free.stamp
