-- Newest first. A page goes on after the last run of the one before, by start and id: new runs
-- shift nothing.
select r.*, s.*
from sync_runs r
left join run_stands s on s.run_id = r.id
where (:started_at::timestamptz is null or (started_at, id) < (:started_at, :id))
  and (:source::text is null or source = :source) and (:status::text is null or status = :status)
order by started_at desc, id desc
limit :limit
