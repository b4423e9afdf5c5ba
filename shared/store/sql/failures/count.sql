-- What has failed by connection and kind of object, of the :most newest letters and of all rows that are tried in vain: see
-- causes.sql.
with oldest as (
    select (select created_at from dead_letters where settled_at is null order by created_at desc, id desc offset :most limit 1) as at
)
select coalesce((select c.source from connections c where c.name = f.source), f.source) as vendor, f.source, f.entity,
       sum(f.count)::bigint as count
from (
    select source, entity, count(*) as count
    from dead_letters
    where settled_at is null and replayed_at is null and created_at >= coalesce((select at from oldest), '-infinity')
    group by source, entity
    union all
    select source, entity, count(*)
    from open_letters
    where replayed_at is not null and failed_at >= coalesce((select at from oldest), '-infinity')
    group by source, entity
    union all
    select source, entity, count(*) from tried_in_vain group by source, entity
) f
group by f.source, f.entity
order by f.source, f.entity
