-- Entities with objects whose message seems to be lost. One message an entity serves all of them.
-- Where refetches are paused, it is sent when they are to be tried again, even if no object waits
-- any more: that ends the pause. A connection that is paused, removed or erased is not asked for, nor
-- one that rests.
with resting as (
    select name from connections where state <> 'active'
    union all
    select source from circuits where rests_until > :now
)
select r.source, r.entity
from refetch_requests r
where r.next_send_at <= :now
  and (r.ended_at is null or r.ended_at < r.requested_at)
  and r.source <> all(array(select name from resting))
  and not exists (
      select from sync_state s
      where s.source = r.source and s.entity = r.entity and s.mode = 'object'
        and s.halted is not null and s.next_try_at > :now)
union
select s.source, s.entity
from sync_state s
where s.mode = 'object' and s.halted is not null and s.next_try_at <= :now
  and s.source <> all(array(select name from resting))
order by source, entity
