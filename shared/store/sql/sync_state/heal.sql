-- Ends the pause of a pull that the vendor answers again. The source's other pulls that are paused
-- are tried at once, and a refusal that one of them has yet to report is older than this.
update sync_state
set next_try_at = :now,
    halted = case when is_own then null else halted end,
    paused_since = case when is_own then null else paused_since end,
    refusals = case when is_own then 0 else refusals end,
    wishes = wishes + case when is_own then 0 else 1 end
from (select s.source as s, s.entity as e, s.mode as m, (s.entity, s.mode) = (:entity, :mode) as is_own
      from sync_state s
      where s.source = :source and s.halted is not null
      order by s.mode, s.entity
      for update) paused
where (source, entity, mode) = (paused.s, paused.e, paused.m)
