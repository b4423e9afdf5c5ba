-- The reports of runs that were requested and will not begin. Each serves its request, so it begins no earlier.
insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, finished_at, errors, last_error)
select i.id, i.source, i.entity, i.mode, 'failed', i.started_at, i.started_at, i.started_at, 1, :reason
from unnest(:ids, :sources, :entities, :modes, :started_ats) as i (id, source, entity, mode, started_at)
