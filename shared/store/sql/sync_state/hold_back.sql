-- The other paused pulls of a source whose key is refused wait until this one has tried again: one
-- pull at a time finds out whether the key is accepted.
update sync_state set next_try_at = greatest(next_try_at, :next_try_at)
where source = :source and halted is not null and (entity, mode) <> (:entity, :mode)
