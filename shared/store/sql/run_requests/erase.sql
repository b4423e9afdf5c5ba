-- As outbox.erase, in the order of the index by source.
with gone as materialized (
    select ctid, id from run_requests
    where source = :source
    order by mode, requested_at desc
    limit :limit
    for update skip locked
),
deleted as (
    delete from run_requests where ctid = any(array(select ctid from gone))
    returning 1
)
select (select count(*) from deleted) as rows, '{}'::text[] as last, (select count(*) from gone) >= :limit as more
