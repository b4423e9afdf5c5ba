-- Revenue of each day in UTC and each currency, in minor units: what GET /metrics/revenue/daily answers. A payment has a row
-- for each version that was copied, and its newest one counts.
with newest as (
    select occurred_at, currency, status, cast(amount_minor as decimal(38, 0)) as minor,
           row_number() over (partition by row_key order by archive_epoch desc, tx desc) as nth
    from payments
)
select cast(occurred_at as date) as revenue_day, currency,
       sum(case when status = 'collected' then minor else 0 end) as gross_minor,
       sum(case when status = 'refunded' then minor else 0 end) as refunded_minor,
       sum(case when status = 'disputed' then minor else 0 end) as disputed_minor,
       sum(case when status = 'collected' then minor else -minor end) as net_minor,
       sum(case when status = 'collected' then 1 else 0 end) as payments
from newest
where nth = 1 and status in ('collected', 'refunded', 'disputed')
group by 1, 2
order by 1, 2
