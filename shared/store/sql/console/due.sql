-- What relay looks for at its next turn, each kind by its own index and bounded: an exact count of a large set costs more than
-- it tells.
select kind, due, later, next_at
from (
    select 1 as place, 'outbox' as kind, count(*) filter (where at <= :now) as due, count(*) filter (where at > :now) as later,
           min(at) as next_at
    from (select next_attempt_at as at from outbox where status = 'pending' order by next_attempt_at limit :limit) rows
    union all
    select 2, 'transactions', count(*) filter (where at <= :now), count(*) filter (where at > :now), min(at)
    from (
        select message_due_at as at from transactions where message_due_at is not null order by message_due_at limit :limit
    ) rows
    union all
    select 3, 'notifications', count(*) filter (where at <= :now), count(*) filter (where at > :now), min(at)
    from (
        select message_due_at as at from notifications where message_due_at is not null order by message_due_at limit :limit
    ) rows
    union all
    select 4, 'jobs', count(*), 0, min(at)
    from (select started_at as at from jobs where state = 'running' order by started_at limit :limit) rows
    union all
    select 5, 'refetches', count(*), 0, min(at)
    from (select requested_at as at from refetch_requests where ended_at is null limit :limit) rows
) kinds
order by place
