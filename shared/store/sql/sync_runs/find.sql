-- The report, and beside it the progress of a run that is under way.
select r.*, s.*, coalesce((select c.source from connections c where c.name = r.source), r.source) as vendor
from sync_runs r
left join run_stands s on s.run_id = r.id
where r.id = :id
