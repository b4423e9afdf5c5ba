-- By source and reason, each up to `limit` rows: a platform may get millions of events of connected
-- accounts. The pairs are few, so the index is skipped through from one to the next.
with recursive pairs as (
    (select source, reason from not_ours order by source, reason limit 1)
    union all
    select next.source, next.reason
    from pairs p
    cross join lateral (
        select n.source, n.reason from not_ours n
        where (n.source, n.reason) > (p.source, p.reason)
        order by n.source, n.reason
        limit 1
    ) next
)
select coalesce((select c.source from connections c where c.name = p.source), p.source) as vendor, p.source, p.reason, counted.count, newest.noted_at as newest
from pairs p
cross join lateral (
    select count(*) as count
    from (select from not_ours n where n.source = p.source and n.reason = p.reason limit :limit) counted_ones
) counted
cross join lateral (
    select n.noted_at from not_ours n
    where n.source = p.source and n.reason = p.reason
    order by n.noted_at desc
    limit 1
) newest
order by p.source, p.reason
