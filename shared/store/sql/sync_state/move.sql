-- Moves the cursor in the transaction of the page's rows, if the fence is still ours. A new run
-- begins with it.
update sync_state
set run_id = :run, run_started = case when run_id = :run then run_started else :now end,
    window_from = :window_from, window_to = :window_to, page_token = :page_token, upper_bound = :upper_bound,
    lease_until = :until, updated_at = :now, windows_complete = :windows_complete
where source = :source and entity = :entity and mode = :mode and fence = :fence
