-- A job.
select id, kind, filter::text as filter, state, rate, asked_by, why, items, is_capped, continue_at, planned_at, started_at, ended_at
from jobs
where id = :job
