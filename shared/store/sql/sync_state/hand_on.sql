-- The cursor that a full run came by, for the incremental pull, which may have no row yet. A run of
-- it that is under way goes on from an older cursor. It ends, and the new fence shuts out the
-- function that has the lease: else its last page would overwrite this cursor, or its refusal forget
-- it. The windows go first: a foreign key keeps a run from ending while one is open. A request has
-- waited for the first cursor only: a vendor that refuses each of its cursors would else be read
-- whole without an end.
with before as (
    select run_id, watermark from sync_state
    where source = :source and entity = :entity and mode = :mode
    for update
),
closed as (
    delete from sync_windows where source = :source and entity = :entity and mode = :mode
),
written as (
    insert into sync_state as s (source, entity, mode, watermark, cursor, lease_until, updated_at)
    select :source, :entity, :mode, :watermark, :cursor, '-infinity', :now
    where (select count(*) from before) >= 0 -- reads it before it writes
    on conflict (source, entity, mode) do update
    set watermark = greatest(s.watermark, excluded.watermark), cursor = excluded.cursor, fence = s.fence + 1,
        run_id = null, run_started = null, window_from = null, window_to = null, page_token = null, upper_bound = null,
        windows_complete = false, lease_until = :now, updated_at = :now
    returning requested_at is not null as requested
)
select (select run_id from before) as overtaken, requested and (select watermark from before) is null as awaited
from written
