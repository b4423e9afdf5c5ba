-- Ids sort by arrival: this reads one range of the primary key, from `oldest` on, for all windows.
select coalesce((select c.source from connections c where c.name = r.source), r.source) as vendor, r.*
from (
    select o.source, w.seconds, count(*) as received,
           count(*) filter (where o.status = 'processed') as processed,
           count(*) filter (where o.status = 'dead') as dead
    from (select id, source, status from outbox where id >= :oldest) o
    join unnest(:sinces, :seconds) w (since, seconds) on o.id >= w.since
    group by o.source, w.seconds
) r
order by r.source, r.seconds
