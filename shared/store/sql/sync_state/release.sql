-- Frees the lease at :free_at and keeps the run. `updated_at` may lie ahead: relay asks for a run
-- only once it was quiet. A pull that is paused stays so, and is tried again at :next_try_at, unless
-- somebody has asked for it since the lease was taken.
update sync_state
set lease_until = :free_at, updated_at = :quiet_until,
    next_try_at = case when halted is not null and wishes = :wishes then :next_try_at else next_try_at end
where source = :source and entity = :entity and mode = :mode and fence = :fence
