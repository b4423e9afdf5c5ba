-- The transactions in each of these states that came in before an instant, the oldest first: no
-- more of a state are counted than the limit.
select s.status, found.count, found.since
from unnest(:statuses::text[], :before::timestamptz[]) as s (status, before)
cross join lateral (
    select count(*) as count, min(received_at) as since
    from (select received_at from transactions
          where status = s.status and received_at <= s.before
          order by received_at, id
          limit :limit) as oldest
) as found
where found.count > 0
