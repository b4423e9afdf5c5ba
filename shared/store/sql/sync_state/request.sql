-- Requests runs and says why, in the order of the key, so that two writers wait for each other in
-- one direction only. A request also ends a pause, except where `unless` says that paused pulls are
-- left alone. A writer that began earlier may commit later: no time moves back, and a run that is
-- under way when the request is committed does not serve it, whatever their clocks say.
insert into sync_state as s (source, entity, mode, lease_until, requested_at, requested_why, updated_at)
select :source, i.entity, :mode, :now, :now, :why, :now
from unnest(:entities) as i (entity)
order by i.entity
on conflict (source, entity, mode) do update
set requested_at = greatest(s.requested_at, excluded.requested_at, s.run_started + interval '1 microsecond'),
    requested_why = case when s.requested_at > excluded.requested_at then s.requested_why else excluded.requested_why end,
    halted = null, paused_since = null, next_try_at = null, refusals = 0,
    wishes = s.wishes + case when :unless in ('going on', 'paused') then 0 else 1 end
where case :unless
      when 'requested' then s.run_id is null and s.requested_at is null
      when 'going on' then s.run_id is null and s.requested_at is null and s.halted is null
      when 'paused' then s.halted is null
      else true end
returning entity
