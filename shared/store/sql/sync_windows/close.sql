-- Deletes a window that is drained, if the fence is still ours, and extends the lease.
with held as (
    update sync_state set lease_until = :until, updated_at = :now
    where source = :source and entity = :entity and mode = :mode and fence = :fence
    returning run_id
)
delete from sync_windows as w
using held
where w.source = :source and w.entity = :entity and w.mode = :mode and w.number = :number and w.run_id = held.run_id
