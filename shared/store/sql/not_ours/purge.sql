-- Notes of outbox rows that are older than the oldest kept. Ids sort by arrival.
delete from not_ours
where outbox_id in (
    select outbox_id from not_ours
    where outbox_id < :before
    order by outbox_id
    limit :limit
)
