-- Opens a run's report. It may begin with a note for the operator, such as why the run was
-- requested.
insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, cursor_before, last_error)
values (:id, :source, :entity, :mode, 'running', :now, :now, :cursor, :note)
