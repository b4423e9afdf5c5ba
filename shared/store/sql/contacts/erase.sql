-- As outbox.erase.
with gone as materialized (
    select ctid, external_id from contacts
    where source = :source and external_id > :after[1]
    order by external_id
    limit :limit
    for update skip locked
),
deleted as (
    delete from contacts where ctid = any(array(select ctid from gone))
    returning 1
)
select (select count(*) from deleted) as rows,
       (select array[external_id] from gone order by external_id desc limit 1) as last,
       (select count(*) from gone) >= :limit as more
