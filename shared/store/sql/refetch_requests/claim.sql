-- Objects to read next: of those that were pushed and of the others equally many, so that neither
-- kind holds up the other. One that was tried in vain waits; the longer it has waited, the longer
-- it is left alone.
with next as (
    (select external_id
     from refetch_requests
     where source = :source and entity = :entity and pushed and (tries = 0 or next_send_at <= :now)
     order by requested_at, external_id
     limit :share)
    union all
    (select external_id
     from refetch_requests
     where source = :source and entity = :entity and not pushed and (tries = 0 or next_send_at <= :now)
     order by requested_at, external_id
     limit :share)
)
update refetch_requests r
set tries = r.tries + 1, next_send_at = greatest(:next_due, :now + (:now - r.requested_at))
from next
where r.source = :source and r.entity = :entity and r.external_id = next.external_id
returning r.external_id
