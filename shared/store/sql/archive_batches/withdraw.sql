-- A planned file of which no row is left is not written. If an object was begun in the place of the file that it was, that one is
-- to be removed, as of a file that was replaced.
with gone as (
    delete from archive_batches where id = :id and state = 'planned'
    returning table_name, epoch, from_tx, to_tx, day, part, successor, planned_at
)
insert into archive_batches (id, table_name, epoch, from_tx, to_tx, day, part, key, state, rows, bytes, sha256, planned_at,
                             done_at)
select gen_random_uuid(), table_name, epoch, from_tx, to_tx, day, part, successor, 'replaced', 0, 0, ''::bytea, planned_at,
       planned_at
from gone
where successor is not null
