-- The file is there. It returns no row if that is known, or if the file belongs to a life of the database that is over.
with done as (
    update archive_batches
    set state = 'done', rows = :rows, bytes = :bytes, sums = :sums::jsonb, sha256 = :sha256, done_at = :now,
        claimed_until = null, last_error = null
    where id = :id and state = 'planned'
    returning table_name
)
update archive_marks m set revision = revision + 1 from done where m.table_name = done.table_name
returning m.revision
