-- Files that the store's own list names and Postgres does not know: it was restored to a time before them. They are of a life of
-- the database that is over.
insert into archive_batches (id, table_name, epoch, from_tx, to_tx, day, part, key, state, rows, bytes, sums, sha256, planned_at,
                             done_at)
select i.id, :table_name, i.epoch, i.from_tx, i.to_tx, i.day, i.part, i.key, 'done', i.rows, i.bytes, i.sums::jsonb,
       decode(i.sha256, 'hex'), :now, :now
from unnest(:ids, :epochs, :from_txs, :to_txs, :days, :parts, :keys, :rows, :bytes, :sums, :sha256s)
     as i (id, epoch, from_tx, to_tx, day, part, key, rows, bytes, sums, sha256)
on conflict do nothing
