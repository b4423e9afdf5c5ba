-- The partition is replaced. Of the loads that it held, those of files that are in it again pass on their number of attempts, so
-- that no id is used twice. Those of files that never count again are forgotten.
with gone as (
    delete from archive_loads l
    where l.table_name = :table_name and l.day = :day and l.rebuild = '00000000-0000-0000-0000-000000000000'
      and (exists (select from archive_loads s where s.rebuild = :rebuild and s.batch_id = l.batch_id)
           or exists (select from archive_outdated_loads o where o.batch_id = l.batch_id and o.rebuild = l.rebuild))
    returning l.batch_id, l.attempt
)
update archive_loads s set attempt = greatest(s.attempt, g.attempt)
from gone g
where s.rebuild = :rebuild and s.batch_id = g.batch_id
