-- The newest reconciliation that has succeeded, of each pull that has one, and the days on which its last look differs.
select coalesce((select c.source from connections c where c.name = r.source), r.source) as vendor, r.source, r.entity, r.id,
       r.started_at,
       array(
           select distinct d.day from reconciled_days d
           where d.run_id = r.id and d.look = n.look and d.day between :first and :last
           order by d.day
       ) as differing
from sync_state s
cross join lateral (
    select id, source, entity, started_at from sync_runs
    where source = s.source and entity = s.entity and mode = 'reconcile' and status = 'succeeded'
    order by started_at desc
    limit 1
) r
join reconciliations n on n.run_id = r.id and n.phase = 'ended'
where s.mode = 'reconcile'
  and (coalesce(:vendor, :connection) is null or s.source = any ((select connections_of(:vendor, :connection))::text[]))
order by r.source, r.entity
