-- Before another run takes the pull over: a foreign key keeps it from doing so while a window is
-- open.
delete from sync_windows where source = :source and entity = :entity and mode = :mode
