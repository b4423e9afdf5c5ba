-- Jobs, the newest first.
select id, kind, filter::text as filter, state, rate, asked_by, why, items, is_capped, continue_at, planned_at, started_at, ended_at
from jobs
where (:planned_at::timestamptz is null or (planned_at, id) < (:planned_at, :id))
  and (:state::text is null or state = :state)
order by planned_at desc, id desc
limit :limit
