-- The load of a table that is under way. There is one at most. Its batch may have been replaced meanwhile, or be gone.
select l.batch_id, l.rebuild, l.day, l.attempt, l.job_id, b.key, coalesce(b.rows, 0) as rows, coalesce(b.bytes, 0) as bytes,
       l.was_rejected,
       not exists (select from archive_loads s where s.rebuild = l.rebuild and s.state = 'loaded') as is_first
from archive_loads l
left join archive_batches b on b.id = l.batch_id
where l.table_name = :table_name and l.state = 'running'
order by l.begun_at
limit 1
