-- As outbox.erase.
with gone as materialized (
    select ctid, calendar_id, external_id from calendar_events
    where source = :source and (calendar_id, external_id) > (:after[1], :after[2])
    order by calendar_id, external_id
    limit :limit
    for update skip locked
),
deleted as (
    delete from calendar_events where ctid = any(array(select ctid from gone))
    returning 1
)
select (select count(*) from deleted) as rows,
       (select array[calendar_id, external_id] from gone order by calendar_id desc, external_id desc limit 1) as last,
       (select count(*) from gone) >= :limit as more
