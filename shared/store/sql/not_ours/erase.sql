-- As outbox.erase, in the order of the index by reason.
with gone as materialized (
    select ctid, outbox_id, reason, noted_at from not_ours
    where source = :source and (reason, noted_at) >= (:after[1], :after[2]::timestamptz)
    order by reason, noted_at
    limit :limit
    for update skip locked
),
deleted as (
    delete from not_ours where ctid = any(array(select ctid from gone))
    returning 1
)
select (select count(*) from deleted) as rows,
       (select array[reason, noted_at::text] from gone order by reason desc, noted_at desc limit 1) as last,
       (select count(*) from gone) >= :limit as more
