-- The files of a table that count, of all lives of the database.
select id, key, day, epoch, from_tx, to_tx, part, rows, bytes, encode(sha256, 'hex') as sha256, sums::text as sums
from archive_batches
where table_name = :table_name and state = 'done'
order by epoch, day, from_tx, part
