-- Accepted leads of each week, which begins on Monday in UTC, by the status that they have now and whoever works on them.
with newest as (
    select received_at, state, status, assigned_to,
           row_number() over (partition by row_key order by archive_epoch desc, tx desc) as nth
    from leads
)
select cast(date_trunc('week', received_at) as date) as lead_week, status, assigned_to, count(*) as leads
from newest
where nth = 1 and state = 'accepted'
group by 1, 2, 3
order by 1, 2, 3
