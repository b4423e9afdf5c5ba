-- A person has mended the cause of a pause, and does not wait for the next try.
update sync_state set next_try_at = :now
where source = :source and entity = :entity and mode = :mode and halted is not null
