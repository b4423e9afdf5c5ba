-- Another file takes the place of one: with its rows, and without people who were erased. It returns no row if that is known, if
-- the file is to be written again, or if another call has claimed it meanwhile: that one may have deleted the object under :key.
with replaced as (
    update archive_batches set state = 'replaced', claimed_until = null, last_error = null, successor = null
    where id = :id and state = 'done' and claimed_until = :until
    returning id, table_name, epoch, from_tx, to_tx, day, part, first_id, last_id, attempts, sums, planned_at
),
done as (
    insert into archive_batches (id, table_name, epoch, from_tx, to_tx, day, part, first_id, last_id, key, state, attempts, rows,
                                 bytes, sums, sha256, planned_at, done_at, searched, replaces)
    select :new_id, table_name, epoch, from_tx, to_tx, day, part, first_id, last_id, :key, 'done', attempts, :rows, :bytes, sums,
           :sha256, planned_at, :now, :revision, id
    from replaced
    returning table_name
)
update archive_marks m set revision = revision + 1 from done where m.table_name = done.table_name
returning m.revision
