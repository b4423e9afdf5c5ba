-- Ends the run without success and forgets the vendor's cursor that has expired, but not one that a
-- full run has handed on since. The windows go first: a foreign key keeps a run from ending while
-- one is open.
with closed as (
    delete from sync_windows where source = :source and entity = :entity and mode = :mode
)
update sync_state
set cursor = case when cursor is distinct from :expired then cursor end,
    run_id = null, run_started = null, window_from = null, window_to = null, page_token = null, upper_bound = null,
    windows_complete = false, lease_until = :now, updated_at = :now,
    halted = null, paused_since = null, next_try_at = null, refusals = 0
where source = :source and entity = :entity and mode = :mode and fence = :fence
