-- Deletes up to :limit product events that were received before :before, and that are in a file if they are copied.
delete from events
where (event_id, sender) in (
    select event_id, sender from events
    where received_at < :before and tx < :archived
    order by received_at
    limit :limit
)
