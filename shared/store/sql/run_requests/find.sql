-- A run that was requested over HTTP: one row an entity. Each has the run that serves it if that
-- has begun, and else what is in its way. A run that failed serves only where no later one did
-- better.
select r.id as request_id, r.source as request_source, r.mode as request_mode, r.requested_at, e.entity as wanted,
       coalesce((select c.source from connections c where c.name = r.source), r.source) as vendor,
       s.run_id as under_way, s.halted as halted_by, run.*, p.*
from run_requests r
cross join lateral unnest(r.entities) with ordinality as e (entity, place)
left join lateral (
    select *
    from sync_runs
    where source = r.source and entity = e.entity and mode = r.mode and started_at >= r.requested_at
    order by status = 'failed', started_at, id
    limit 1
) run on true
left join sync_state s on s.source = r.source and s.entity = e.entity and s.mode = r.mode
left join run_stands p on p.run_id = run.id
where r.id = :id
order by e.place
