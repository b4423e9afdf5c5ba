-- Frees a lease under which nothing was done.
update sync_state set lease_until = :now
where source = :source and entity = :entity and mode = :mode and fence = :fence
