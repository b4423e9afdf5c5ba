-- Newest first. A page goes on after the last run of the one before, by start and id: new runs
-- shift nothing.
select r.*, s.*, coalesce((select c.source from connections c where c.name = r.source), r.source) as vendor
from sync_runs r
left join run_stands s on s.run_id = r.id
where (:started_at::timestamptz is null or (started_at, id) < (:started_at, :id))
  and (coalesce(:vendor, :connection) is null or source = any ((select connections_of(:vendor, :connection))::text[]))
  and (:status::text is null or status = :status)
order by started_at desc, id desc
limit :limit
