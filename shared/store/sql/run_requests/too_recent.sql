-- The newest run of the mode after $3, asked for or begun. One that failed is none, and where a pull is halted nothing
-- is too recent: whoever has put the key right must not have to wait.
select id, at
from (
    select r.id, r.requested_at as at
    from run_requests r
    where r.source = $1 and r.mode = $2 and r.requested_at > $3
      and not exists (select from sync_runs s
                      where s.source = r.source and s.mode = r.mode and s.entity = any (r.entities)
                        and s.started_at >= r.requested_at and s.status = 'failed')
    union all
    select s.id, s.started_at
    from sync_runs s
    where s.source = $1 and s.mode = $2 and s.started_at > $3 and s.status <> 'failed'
) recent
where not exists (select from sync_state where source = $1 and mode = $2 and halted is not null)
order by at desc, id
limit 1
