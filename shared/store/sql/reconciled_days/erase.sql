-- Deletes up to :limit days of a connection's reconciliations. They hang on its runs.
with gone as materialized (
    select d.ctid
    from sync_runs r
    cross join lateral (
        select ctid from reconciled_days of_run
        where of_run.run_id = r.id
        order by run_id, look, day, currency, status
        limit :limit
    ) d
    where r.source = :source and r.mode = 'reconcile'
    order by r.entity, r.mode, r.started_at
    limit :limit
),
deleted as (
    delete from reconciled_days where ctid = any(array(select ctid from gone))
    returning 1
)
select (select count(*) from deleted) as rows, '{}'::text[] as last, (select count(*) from gone) >= :limit as more
