-- How late product events arrive. A late one is in the partition of the day on which it arrived: a question about the day on
-- which events occurred has to read the partitions after it too.
with newest as (
    select arrived_at, occurred_at, row_number() over (partition by row_key order by archive_epoch desc, tx desc) as nth
    from events
)
select case when arrived_at < occurred_at then '0 before it occurred'
            when arrived_at < occurred_at + interval '1' minute then '1 within a minute'
            when arrived_at < occurred_at + interval '1' hour then '2 within an hour'
            when arrived_at < occurred_at + interval '1' day then '3 within a day'
            when arrived_at < occurred_at + interval '7' day then '4 within a week'
            else '5 later' end as delay,
       count(*) as events, min(occurred_at) as oldest_at
from newest
where nth = 1
group by 1
order by 1
