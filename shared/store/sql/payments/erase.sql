-- As outbox.erase. The sums follow in the same statement, by the trigger on payments.
with gone as materialized (
    select ctid, kind, external_id from payments
    where source = :source and (kind, external_id) > (:after[1], :after[2])
    order by kind, external_id
    limit :limit
    for update skip locked
),
deleted as (
    delete from payments where ctid = any(array(select ctid from gone))
    returning 1
)
select (select count(*) from deleted) as rows,
       (select array[kind, external_id] from gone order by kind desc, external_id desc limit 1) as last,
       (select count(*) from gone) >= :limit as more
