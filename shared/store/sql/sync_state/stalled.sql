-- Runs that are requested or unfinished, and quiet; and those that are paused and to be tried again,
-- unless that was asked for a moment ago. Returning them counts as touching them, so that the
-- message that is sent now has time to arrive. A row that is locked is not quiet. A connection that is
-- paused, removed or erased is not asked for. One that rests is not either; after its rest all of its
-- runs are, and whichever comes first finds out for all of them.
with stalled as (
    select source, entity, mode
    from sync_state
    where (run_id is not null or requested_at is not null) and lease_until <= :now
      and source <> all(array(select name from connections where state <> 'active'))
      and source <> all(array(select source from circuits where rests_until > :now))
      and case
          when halted is null then updated_at <= :quiet_since
              or source = any(array(select source from circuits))
          else coalesce(next_try_at <= :now, true) and (updated_at <= :quiet_since or updated_at <= next_try_at)
          end
    for update skip locked
)
update sync_state s set updated_at = :now
from stalled
where (s.source, s.entity, s.mode) = (stalled.source, stalled.entity, stalled.mode)
returning s.source, s.entity, s.mode
