-- How far behind the most backward pull of each source is. A full run started by hand must not hide
-- an incremental pull that makes no progress, nor one entity another. The full runs of an entity
-- count as long as no incremental run of it has succeeded.
select source, case when bool_and(last_sync is not null) then min(last_sync) end as last_sync
from (
    select s.source,
           coalesce(
               (select finished_at from sync_runs r
                 where r.source = s.source and r.entity = s.entity and r.mode = s.mode and r.status = 'succeeded'
                 order by finished_at desc limit 1),
               (select finished_at from sync_runs r
                 where r.source = s.source and r.entity = s.entity and r.mode = 'full' and r.status = 'succeeded'
                 order by finished_at desc limit 1)) as last_sync
    from sync_state s
    where s.mode = 'incremental'
       or s.mode = 'full' and not exists (
           select from sync_state i where i.source = s.source and i.mode = 'incremental')
) pulls
group by source
order by source
