-- What has failed by connection and kind of object, of at most :most failures.
select coalesce((select c.source from connections c where c.name = f.source), f.source) as vendor, f.source, f.entity, count(*) as count
from (select source, entity from failures order by failed_at desc, id desc limit :most) f
group by f.source, f.entity
order by f.source, f.entity
