-- There is nothing to let through where no sweep is held.
update held_sweeps set allowed_at = :now where source = :source and entity = :entity
