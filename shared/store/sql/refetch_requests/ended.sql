-- Objects that could not be read and are not tried any more, by entity: the newest `:limit` of them.
select coalesce((select c.source from connections c where c.name = e.source), e.source) as vendor, e.source, e.entity, count(*) as count, max(e.ended_at) as newest,
       (array_agg(e.last_error order by e.ended_at desc, e.external_id))[1] as reason
from (
    select source, entity, external_id, ended_at, last_error
    from refetch_requests
    where ended_at >= requested_at
    order by ended_at desc
    limit :limit
) e
group by e.source, e.entity
order by e.source, e.entity
