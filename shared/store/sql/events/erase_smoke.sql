-- As leads.erase_smoke: product events of that person. The index of journeys finds them.
with gone as materialized (
    select event_id, sender, outbox_id from events
    where user_id = :source || '@smoke.invalid'
    limit :limit
),
sent as (
    delete from outbox o using gone where o.id = gone.outbox_id
),
deleted as (
    delete from events e using gone where (e.event_id, e.sender) = (gone.event_id, gone.sender)
    returning 1
)
select (select count(*) from deleted) as rows, '{}'::text[] as last, (select count(*) from gone) >= :limit as more
