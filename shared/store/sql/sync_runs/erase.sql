-- As outbox.erase, in the order of the index by pull: the reports of a connection's runs, with its reconciliations. A
-- report stays until the days of its reconciliation are deleted.
with gone as materialized (
    select ctid, id, entity, mode, started_at from sync_runs r
    where source = :source and (entity, mode, started_at) >= (:after[1], :after[2], :after[3]::timestamptz)
      and not exists (select from reconciled_days d where d.run_id = r.id)
    order by entity, mode, started_at
    limit :limit
    for update skip locked
),
compared as (
    delete from reconciliations where run_id = any(array(select id from gone))
),
deleted as (
    delete from sync_runs where ctid = any(array(select ctid from gone))
    returning 1
)
select (select count(*) from deleted) as rows,
       (select array[entity, mode, started_at::text] from gone
         order by entity desc, mode desc, started_at desc limit 1) as last,
       (select count(*) from gone) >= :limit as more
