-- Bounded as outbox.count_pending is. `bounds` are times, the newest first: a row is of the first bound that it is not older
-- than, and of the place behind the last one if it is older than all.
select coalesce((select c.source from connections c where c.name = w.source), w.source) as vendor, w.*
from (
    select source, width, count(*) as count
    from (
        select source, (select count(*) from unnest(:bounds::timestamptz[]) bound where received_at < bound) as width
        from (
            select source, received_at from outbox where status = 'pending' order by next_attempt_at limit :limit
        ) first
    ) aged
    group by source, width
) w
order by w.source, w.width
