-- Looks at the next :limit sums in the order of their key, which does not begin with the connection, and deletes those
-- of this one that have become sums of nothing. A sum of something stays: the trigger on payments empties it.
with looked_at as materialized (
    select ctid, grain, bucket_start, source, currency, status from revenue_buckets
    where (grain, bucket_start, source, currency, status)
        > (:after[1], :after[2]::timestamp, :after[3], :after[4], :after[5])
    order by grain, bucket_start, source, currency, status
    limit :limit
),
deleted as (
    delete from revenue_buckets
    where ctid = any(array(select ctid from looked_at where source = :source)) and count = 0 and amount = 0
    returning 1
)
select (select count(*) from deleted) as rows,
       (select array[grain, bucket_start::text, source, currency, status] from looked_at
         order by grain desc, bucket_start desc, source desc, currency desc, status desc limit 1) as last,
       (select count(*) from looked_at) >= :limit as more
