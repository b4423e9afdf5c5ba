-- The files of a window. They are frozen from here on.
insert into archive_batches (id, table_name, epoch, from_tx, to_tx, day, part, first_id, last_id, key, rows, bytes, planned_at)
select i.id, :table_name, :epoch, :from_tx, :to_tx, i.day, i.part, i.first_id, i.last_id, i.key, i.rows, i.bytes, :now
from unnest(:ids, :days, :parts, :first_ids, :last_ids, :keys, :rows, :bytes)
     as i (id, day, part, first_id, last_id, key, rows, bytes)
