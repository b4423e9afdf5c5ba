-- Product events of each day in UTC and each kind: how many occurred, of how many senders and users.
select cast(occurred_at as date) as event_day, event_type, count(*) as events,
       count(distinct coalesce(sender, '')) as senders, count(distinct user_id) as users
from events
where archive_epoch = (select max(archive_epoch) from events)
group by 1, 2
order by 1, 2
