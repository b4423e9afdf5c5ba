-- Pauses a pull that was refused, or prolongs its pause, and frees the lease. It only frees the lease
-- if somebody has asked for the pull since that was taken: the refusal is of what stood before, such
-- as an older key.
update sync_state
set halted = case when wishes = :wishes then :why else halted end,
    paused_since = case
        when wishes <> :wishes then paused_since
        when halted is not null then coalesce(paused_since, :now)
        else :now end,
    next_try_at = case when wishes = :wishes then :next_try_at else next_try_at end,
    refusals = refusals + case when wishes = :wishes then 1 else 0 end,
    lease_until = :now, updated_at = :now
where source = :source and entity = :entity and mode = :mode and fence = :fence
returning paused_since, wishes = :wishes as counts
