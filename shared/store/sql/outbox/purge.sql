-- Processed rows that are old enough, of leaves that cannot go because of other rows. Ids sort by arrival, and `before` is
-- the smallest id of the oldest day kept. Rows that are in no file of the analytics copy yet are kept.
delete from outbox
where id in (
    select id from outbox
    where id < :before and status = 'processed' and tx < :archived
    order by id
    limit :limit
)
-- Repeated, because a row may have been replayed since the subselect, and for the planner.
and status = 'processed' and id < :before
