-- Ends the run, if the fence is still ours, and advances the watermark to its upper bound. A run
-- that was requested after this one began stays requested: this one's upper bound was fixed before.
update sync_state
set watermark = upper_bound, cursor = coalesce(:cursor, cursor),
    run_id = null, run_started = null, window_from = null, window_to = null, page_token = null, upper_bound = null,
    windows_complete = false, lease_until = :now, updated_at = :now,
    halted = null, paused_since = null, next_try_at = null, refusals = 0,
    requested_at = case when requested_at > run_started then requested_at end,
    requested_why = case when requested_at > run_started then requested_why end
where source = :source and entity = :entity and mode = :mode and fence = :fence
returning requested_at is not null as requested
