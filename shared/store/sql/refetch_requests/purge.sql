-- A bounded number of requests that ended without an answer, so that no purge holds its locks for
-- long.
delete from refetch_requests
where (source, entity, external_id) in (
    select source, entity, external_id from refetch_requests
    where ended_at >= requested_at and ended_at < :before
    order by ended_at
    limit :limit
)
-- Repeated, because an object may have been requested again since the subselect.
and ended_at >= requested_at
