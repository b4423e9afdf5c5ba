-- The files of a table that arrived on these days, of the life of the database that it is in.
select b.id, b.table_name, b.epoch, b.from_tx, b.to_tx, b.day, b.part, b.first_id, b.last_id, b.key, b.rows, b.bytes, b.attempts
from archive_batches b join archive_marks m on m.table_name = b.table_name and m.epoch = b.epoch
where b.table_name = :table_name and b.state = 'done' and b.day >= :from_day and b.day <= :to_day and b.key > :after
order by b.key
limit :limit
