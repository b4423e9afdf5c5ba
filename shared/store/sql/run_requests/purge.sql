-- Deletes up to :limit requests for runs from before :before.
delete from run_requests
where id in (
    select id from run_requests
    where requested_at < :before
    order by requested_at
    limit :limit
)
