-- Counts the days whose revenue sums are not those of the payments.
with summed as (
    select bucket_start as day, source, currency, status, amount, count
    from revenue_buckets
    where grain = 'day' and (amount <> 0 or count <> 0)
),
counted as (
    select date_trunc('day', occurred_at at time zone 'UTC') as day, source, currency, status,
           sum(amount) as amount, count(*) as count
    from payments
    where status in ('collected', 'refunded', 'disputed')
    group by 1, source, currency, status
)
select count(*)
from summed s
full join counted c using (day, source, currency, status)
where (s.amount, s.count) is distinct from (c.amount, c.count)
