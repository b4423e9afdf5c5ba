-- Bounded, so that a backlog of millions costs as much as one of `limit` rows. Ordered, so that the
-- planner takes the index of pending rows even where its statistics are from a time when every row
-- was pending.
select coalesce((select c.source from connections c where c.name = w.source), w.source) as vendor, w.*
from (
    select source, count(*) as count, count(*) filter (where error_kind = 'waiting') as held, min(received_at) as oldest
    from (
        select source, received_at, error_kind from outbox
        where status = 'pending'
        order by next_attempt_at
        limit :limit
    ) waiting
    group by source
) w
order by w.source
