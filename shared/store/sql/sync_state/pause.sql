-- Pauses a pull that was refused, or prolongs its pause, and frees the lease.
update sync_state
set halted = :why, paused_since = coalesce(case when halted is not null then paused_since end, :now),
    next_try_at = :next_try_at, refusals = refusals + 1, lease_until = :now, updated_at = :now
where source = :source and entity = :entity and mode = :mode and fence = :fence
returning paused_since
