-- A bounded number of requests that ended without an answer, so that no purge holds its locks for
-- long. In the order of the key, as requests are written. A row that is requested again at this
-- moment is skipped: it is about to wait again. Materialized, so that no row is locked twice.
with old as materialized (
    select source, entity, external_id from refetch_requests
    where ended_at >= requested_at and ended_at < :before
    order by source, entity, external_id
    limit :limit
    for update skip locked
)
delete from refetch_requests r using old
where (r.source, r.entity, r.external_id) = (old.source, old.entity, old.external_id)
