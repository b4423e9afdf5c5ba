-- Processed rows that are old enough ($1 is the smallest id of the oldest day kept: ids sort by arrival).
delete from outbox
where id in (
    select id from outbox
    where id < $1 and status = 'processed'
    order by id
    limit $2
)
-- Said again for what has changed while this waited for it.
and status = 'processed'
