-- Beside the run's row in sync_state: a reconciliation has phases of its own.
insert into reconciliations (run_id, phase, look) values (:run, 'listing', 1)
