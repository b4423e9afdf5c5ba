-- Claims the next file to be written, until :until. Those that have failed come after the others. It returns no row if none is
-- to be written.
update archive_batches set claimed_until = :until, attempts = attempts + 1
where id = (
    select id from archive_batches
    where state = 'planned' and (claimed_until is null or claimed_until <= :now)
    order by attempts, planned_at, table_name, day, part
    limit 1
    for update skip locked
)
returning id, table_name, epoch, from_tx, to_tx, day, part, first_id, last_id, key, rows, bytes, attempts
