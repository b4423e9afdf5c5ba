-- Moves a window in the transaction of its page's rows, if the fence is still ours, and extends the
-- lease.
with held as (
    update sync_state set lease_until = :until, updated_at = :now
    where source = :source and entity = :entity and mode = :mode and fence = :fence
    returning run_id
)
update sync_windows as w
set window_from = :window_from, window_to = :window_to, page_token = :page_token
from held
where w.source = :source and w.entity = :entity and w.mode = :mode and w.number = :number and w.run_id = held.run_id
