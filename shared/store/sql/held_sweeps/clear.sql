-- A sweep was made, so that none is held any more.
delete from held_sweeps where source = :source and entity = :entity
