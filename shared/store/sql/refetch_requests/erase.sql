-- As outbox.erase.
with gone as materialized (
    select ctid, entity, external_id from refetch_requests
    where source = :source and (entity, external_id) > (:after[1], :after[2])
    order by entity, external_id
    limit :limit
    for update skip locked
),
deleted as (
    delete from refetch_requests where ctid = any(array(select ctid from gone))
    returning 1
)
select (select count(*) from deleted) as rows,
       (select array[entity, external_id] from gone order by entity desc, external_id desc limit 1) as last,
       (select count(*) from gone) >= :limit as more
