-- The load of a table that is under way. There is one at most, and its batch may have been replaced meanwhile.
select l.batch_id, l.rebuild, l.day, l.state, l.attempt, l.job_id, b.epoch, b.from_tx, b.to_tx, b.part, b.key, b.rows, b.bytes
from archive_loads l
join archive_batches b on b.id = l.batch_id
where l.table_name = :table_name and l.state = 'running'
order by l.begun_at
limit 1
