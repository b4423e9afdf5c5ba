-- Deletes up to :limit reconciliations from before :before whose runs were deleted, with their days. Run ids sort by time.
with old as (
    select r.run_id
    from reconciliations r
    where r.run_id < :before and not exists (select from sync_runs s where s.id = r.run_id)
    order by r.run_id
    limit :limit
),
days as (
    delete from reconciled_days d using old where d.run_id = old.run_id
)
delete from reconciliations r using old where r.run_id = old.run_id
