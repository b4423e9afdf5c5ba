-- Looks through one chunk of a calendar's entries that are not deleted or are pending. An entry is
-- unseen if the outbox has received no version of it, neither from the run nor from anything else
-- since `shown_since`. It includes pending entries, because they would be there once they are
-- processed, and excludes entries that have been requested by their ids since then: the vendor's
-- answer decides about those. It returns one row, whose `last` is null at the table's end.
with standing as (
    select external_id from calendar_events
    where source = :source and calendar_id = :part and external_id > :after and deleted_at is null and version_at < :shown_since
    order by external_id
    limit :limit
), waiting as (
    select distinct external_id from outbox
    where source = :source and entity = :entity and external_id > :after and status = 'pending' and received_at < :shown_since
    order by external_id
    limit :limit
), chunk as (
    select external_id from standing union select external_id from waiting
    order by external_id
    limit :limit
)
select max(c.external_id) as last, count(*) as accounted,
       coalesce(array_agg(c.external_id order by c.external_id) filter (where not exists (
           select from outbox o
           where o.source = :source and o.entity = :entity and o.external_id = c.external_id
             and o.id >= outbox_since(array[:shown_since])
             and (o.run_id = :run or o.received_at >= :shown_since)
       ) and not exists (
           select from refetch_requests r
           where r.source = :source and r.entity = :entity and r.external_id = c.external_id
             and r.requested_at >= :shown_since and r.ended_at is null
       )), '{}') as unseen
from chunk c
