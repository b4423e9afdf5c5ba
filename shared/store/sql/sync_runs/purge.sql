-- Deletes up to :limit runs that began before :before and are over. The newest good run of each pull stays: freshness is
-- read from it.
delete from sync_runs
where id in (
    select r.id
    from sync_runs r
    where r.started_at < :before and r.status <> 'running'
      and exists (select from sync_runs newer
                  where newer.source = r.source and newer.entity = r.entity and newer.mode = r.mode
                    and newer.status = 'succeeded' and newer.started_at > r.started_at)
    order by r.started_at
    limit :limit
)
