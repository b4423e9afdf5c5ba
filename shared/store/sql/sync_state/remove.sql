-- Ends all pulls of connections that are removed: their runs and requests, and what they know of the vendor. The new
-- fence shuts out a function that has a lease. Whoever connects the name again may mean another account, for which no
-- cursor holds. The windows go first: a foreign key keeps a run from ending while one is open.
with before as (
    select source, entity, mode, run_id from sync_state where source = any(:sources)
),
closed as (
    delete from sync_windows where source = any(:sources)
),
ended as (
    update sync_runs r
    set status = 'failed', finished_at = :now, updated_at = greatest(r.updated_at, :now), errors = r.errors + 1,
        last_error = :reason
    from before b
    where r.id = b.run_id and r.status = 'running'
)
update sync_state s
set watermark = null, cursor = null, run_id = null, run_started = null, window_from = null, window_to = null,
    page_token = null, upper_bound = null, windows_complete = false, fence = s.fence + 1, lease_until = :now,
    requested_at = null, requested_why = null, halted = null, paused_since = null, next_try_at = null, refusals = 0,
    wishes = s.wishes + 1, updated_at = :now
where s.source = any(:sources)
