-- Deletes up to :limit conflicting events that were received before :before.
delete from conflicting_events
where id in (
    select id from conflicting_events
    where received_at < :before
    order by received_at
    limit :limit
)
