-- Objects that were claimed and not asked for: they are next again. Only by the claim that is known:
-- what was written since, such as another claim or a new request, says itself when they are next.
-- Locked in the order of the key, so that it and a request wait for each other in one direction only.
with claimed as materialized (
    select r.external_id
    from refetch_requests r
    join unnest(:external_ids, :versions) as c (id, version) on r.external_id = c.id and r.xmin::text = c.version
    where r.source = :source and r.entity = :entity
    order by r.external_id
    for update of r
)
update refetch_requests r set tries = 0, next_send_at = :now
from claimed
where r.source = :source and r.entity = :entity and r.external_id = claimed.external_id
