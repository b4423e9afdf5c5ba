-- Deletes up to :limit product events that were received before :before.
delete from events
where (event_id, sender) in (
    select event_id, sender from events
    where received_at < :before
    order by received_at
    limit :limit
)
