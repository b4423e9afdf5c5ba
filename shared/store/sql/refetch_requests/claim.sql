-- Objects to read next: of those that were pushed and of the others equally many, so that neither
-- kind holds up the other. One that was tried in vain waits; the longer it has waited, the longer
-- it is left alone, up to an hour. One that has ended without an answer is not tried any more.
-- Materialized: before the table is analyzed, Postgres would look for the next objects once for each
-- that waits. A row that is requested again at this moment is skipped: to wait for it, out of the
-- order of the key, could be a deadlock. Each comes with the version of its request: the transaction
-- that wrote it last, which is this one.
with pushed as materialized (
    select external_id
    from refetch_requests
    where source = :source and entity = :entity and pushed and (tries = 0 or next_send_at <= :now)
      and (ended_at is null or ended_at < requested_at)
    order by requested_at, external_id
    limit :share
    for update skip locked
),
others as materialized (
    select external_id
    from refetch_requests
    where source = :source and entity = :entity and not pushed and (tries = 0 or next_send_at <= :now)
      and (ended_at is null or ended_at < requested_at)
    order by requested_at, external_id
    limit :share
    for update skip locked
),
next as materialized (select external_id from pushed union all select external_id from others)
update refetch_requests r
set tries = r.tries + 1,
    next_send_at = greatest(:next_due, :now + least(:now - r.requested_at, interval '1 hour'))
from next
where r.source = :source and r.entity = :entity and r.external_id = next.external_id
returning r.external_id, r.xmin::text as version
