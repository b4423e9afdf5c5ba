-- The object of a file is gone: it is written again, with the rows that are there. It returns no row if somebody has seen so before.
with lost as (
    update archive_batches
    set state = 'planned', done_at = null, sha256 = null, claimed_until = null, attempts = 0, last_error = 'its object was gone'
    where id = :id and state = 'done'
    returning table_name
)
update archive_marks m set revision = revision + 1 from lost where m.table_name = lost.table_name
returning m.revision
