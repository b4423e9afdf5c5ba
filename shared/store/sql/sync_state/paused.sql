-- The pulls of one connection that are paused.
select source, entity, mode, coalesce(paused_since, updated_at) as since, coalesce(next_try_at, updated_at) as next_try_at
from sync_state
where halted is not null and source = :source
order by entity, mode
