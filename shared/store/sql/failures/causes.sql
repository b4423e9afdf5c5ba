-- What has failed by cause, of at most :most failures: an exact count of a large set costs more than it tells.
with looked_at as materialized (
    select f.id, f.source, f.entity, f.error_kind, f.reason, f.failed_at
    from failures f
    where (coalesce(:vendor, :connection) is null or f.source = any ((select connections_of(:vendor, :connection))::text[]))
      and (:entity is null or f.entity = :entity)
      and (:error_kind is null or f.error_kind = :error_kind)
      and (:reason is null or position(lower(:reason) in lower(f.reason)) > 0)
      and (:external_id is null or f.external_id = :external_id)
      and (:since::timestamptz is null or f.failed_at >= :since)
      and (:until::timestamptz is null or f.failed_at < :until)
    order by f.failed_at desc, f.id desc
    limit :most
)
select failure_class(error_kind) as error_class, error_kind, reason, count(*) as count, min(failed_at) as first_at, max(failed_at) as last_at,
       array_remove(array_agg(distinct source order by source), null) as sources,
       array_remove(array_agg(distinct entity order by entity), null) as entities,
       (array_agg(id order by failed_at desc, id desc))[1] as newest, (select count(*) from looked_at) >= :most as is_capped
from looked_at
group by error_kind, reason
order by max(failed_at) desc, error_kind, reason
limit :limit
