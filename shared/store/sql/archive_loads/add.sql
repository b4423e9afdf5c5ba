-- Adds files that count and are not in BigQuery, the oldest first. Days that hold what does not count wait for their rebuild.
insert into archive_loads (batch_id, table_name, day, next_try_at)
select f.id, f.table_name, f.day, :now
from archive_files f
where f.table_name = :table_name
  and not exists (select from archive_loads l
                  where l.batch_id = f.id and l.rebuild = '00000000-0000-0000-0000-000000000000')
  and not exists (select from archive_rebuilds r where r.table_name = f.table_name and r.day = f.day)
  and not exists (select from archive_days_to_rebuild w where w.table_name = f.table_name and w.day = f.day)
order by f.done_at, f.id
limit :limit
on conflict do nothing
