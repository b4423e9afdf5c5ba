-- Claims the next file that was not searched for all names that were erased, until :until. The newest names are those up to
-- :revision. It returns no row if none is left.
update archive_batches set claimed_until = :until
where id = (
    select id from archive_batches
    where state = 'done' and searched < :revision and (claimed_until is null or claimed_until <= :now)
    order by searched, done_at, id
    limit 1
    for update skip locked
)
returning id, table_name, key, rows, successor
