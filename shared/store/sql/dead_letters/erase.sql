-- Looks at the next :limit dead letters in the order of their ids, since no index knows their connections, and deletes
-- those of this one.
with looked_at as materialized (
    select ctid, id, source from dead_letters
    where id > :after[1]::uuid
    order by id
    limit :limit
),
deleted as (
    delete from dead_letters where ctid = any(array(select ctid from looked_at where source = :source))
    returning 1
)
select (select count(*) from deleted) as rows,
       (select array[id::text] from looked_at order by id desc limit 1) as last,
       (select count(*) from looked_at) >= :limit as more
