-- Requests runs and says why, in the order of the key, so that two writers wait for each other in
-- one direction only. A request also ends a pause, except where `unless` says that paused pulls are
-- left alone.
insert into sync_state as s (source, entity, mode, lease_until, requested_at, requested_why, updated_at)
select :source, i.entity, :mode, :now, :now, :why, :now
from unnest(:entities) as i (entity)
order by i.entity
on conflict (source, entity, mode) do update
set requested_at = excluded.requested_at, requested_why = excluded.requested_why,
    halted = null, paused_since = null, next_try_at = null, refusals = 0
where case :unless
      when 'requested' then s.run_id is null and s.requested_at is null
      when 'paused' then s.halted is null
      else true end
returning entity
