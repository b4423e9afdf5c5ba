-- The newest rows by kind and status, of at most :most that were received since :since, and how long their processing
-- took. It reads one range of the primary key, from its end.
with newest as materialized (
    select source, entity, status, received_at, processed_at from outbox
    where id >= :since
    order by id desc
    limit :most
)
select coalesce((select c.source from connections c where c.name = n.source), n.source) as vendor, n.source, n.entity, n.status,
       count(*) as count,
       (avg(extract(epoch from n.processed_at - n.received_at)) * 1000)::bigint as average_ms,
       (percentile_cont(0.95) within group (order by extract(epoch from n.processed_at - n.received_at)) * 1000)::bigint as p95_ms
from newest n
group by n.source, n.entity, n.status
order by n.source, n.entity, n.status
