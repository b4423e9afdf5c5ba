-- Written in the transaction that requests the runs in sync_state.
insert into run_requests (id, source, mode, entities, requested_at)
values (:id, :source, :mode, :entities, :now)
