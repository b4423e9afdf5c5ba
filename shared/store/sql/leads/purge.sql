-- Deletes up to :limit leads that were received before :before.
delete from leads
where id in (
    select id from leads
    where received_at < :before
    order by received_at
    limit :limit
)
