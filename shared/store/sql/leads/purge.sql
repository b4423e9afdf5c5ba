-- Deletes up to :limit leads that were received before :before, and that are in a file if they are copied.
delete from leads
where id in (
    select id from leads
    where received_at < :before and tx < :archived
    order by received_at
    limit :limit
) and tx < :archived
