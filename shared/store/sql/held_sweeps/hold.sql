-- A sweep that is held again keeps what a person has said of it meanwhile.
insert into held_sweeps as h (source, entity, run_id, unseen, accounted, held_at)
values (:source, :entity, :run, :unseen, :accounted, :now)
on conflict (source, entity) do update
set run_id = excluded.run_id, unseen = excluded.unseen, accounted = excluded.accounted, held_at = excluded.held_at
where h.run_id <> excluded.run_id
