-- The rebuild of a table that can go on. `is_stale` says that one of its files does not count any more.
select r.id, r.day, r.state, r.attempt, r.job_id, r.files, r.rows, r.is_stale
from (select q.id, q.day, q.state, q.attempt, q.job_id, q.planned_at,
             (select count(*) from archive_loads l where l.rebuild = q.id) as files,
             (select coalesce(sum(coalesce(l.rows, b.rows)), 0)::bigint
              from archive_loads l left join archive_batches b on b.id = l.batch_id where l.rebuild = q.id) as rows,
             exists (select from archive_loads l where l.rebuild = q.id and l.state <> 'loaded') as is_unready,
             exists (select from archive_outdated_loads o where o.rebuild = q.id) as is_stale
      from archive_rebuilds q
      where q.table_name = :table_name and q.state in ('staging', 'copying') and q.next_try_at <= :now) r
where r.state = 'copying' or r.is_stale or not r.is_unready
order by r.state, r.planned_at
limit 1
