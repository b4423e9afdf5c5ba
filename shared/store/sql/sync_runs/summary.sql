-- The runs that began between two instants, by connection: how many, and what they brought. A range of sync_runs_newest.
select source, count(*) filter (where status = 'succeeded') as succeeded,
       count(*) filter (where status = 'failed') as failed, count(*) filter (where status = 'running') as running,
       sum(rows_new)::bigint as rows_new
from sync_runs
where started_at >= :since and started_at <= :until
group by source
order by source
