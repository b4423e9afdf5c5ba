-- Product events of each day in UTC and each kind: how many occurred, of how many senders and users. An event can be in files of
-- several epochs, and counts once.
with newest as (
    select occurred_at, event_type, sender, user_id,
           row_number() over (partition by row_key order by archive_epoch desc, tx desc) as nth
    from events
)
select cast(occurred_at as date) as event_day, event_type, count(*) as events,
       count(distinct coalesce(sender, '')) as senders, count(distinct user_id) as users
from newest
where nth = 1
group by 1, 2
order by 1, 2
