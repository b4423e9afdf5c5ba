-- Looks at the next :limit sums in the order of their key, which does not begin with the connection, and deletes those
-- of this one that have become sums of nothing. A sum of something stays: deltas of the connection will empty it.
with looked_at as materialized (
    select ctid, grain, bucket_start, source, currency from revenue_sums
    where (grain, bucket_start, source, currency) > (:after[1], :after[2]::timestamp, :after[3], :after[4])
    order by grain, bucket_start, source, currency
    limit :limit
),
deleted as (
    delete from revenue_sums
    where ctid = any(array(select ctid from looked_at where source = :source))
      and (collected, refunded, disputed, collected_count, refunded_count, disputed_count) = (0, 0, 0, 0, 0, 0)
    returning 1
)
select (select count(*) from deleted) as rows,
       (select array[grain, bucket_start::text, source, currency] from looked_at
         order by grain desc, bucket_start desc, source desc, currency desc limit 1) as last,
       (select count(*) from looked_at) >= :limit as more,
       (select count(*) from looked_at where source = :source) > (select count(*) from deleted)
           or exists (select from revenue_deltas where source = :source) as waits
