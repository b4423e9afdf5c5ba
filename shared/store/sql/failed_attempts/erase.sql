-- As dead_letters.erase, in the order of the key.
with looked_at as materialized (
    select ctid, outbox_id, failed_at, source from failed_attempts
    where (outbox_id, failed_at) > (:after[1]::uuid, :after[2]::timestamptz)
    order by outbox_id, failed_at
    limit :limit
),
deleted as (
    delete from failed_attempts where ctid = any(array(select ctid from looked_at where source = :source))
    returning 1
)
select (select count(*) from deleted) as rows,
       (select array[outbox_id::text, failed_at::text] from looked_at order by outbox_id desc, failed_at desc limit 1) as last,
       (select count(*) from looked_at) >= :limit as more
