-- The newest run of the mode since `since`, requested or begun. A failed run does not count. Where
-- a pull is paused nothing is too recent: an operator who has put the key right must not have to
-- wait.
select id, at
from (
    select r.id, r.requested_at as at
    from run_requests r
    where r.source = :source and r.mode = :mode and r.requested_at > :since
      and not exists (select from sync_runs s
                      where s.source = r.source and s.mode = r.mode and s.entity = any (r.entities)
                        and s.started_at >= r.requested_at and s.status = 'failed')
    union all
    select s.id, s.started_at
    from sync_runs s
    where s.source = :source and s.mode = :mode and s.started_at > :since and s.status <> 'failed'
) recent
where not exists (select from sync_state where source = :source and mode = :mode and halted is not null)
order by at desc, id
limit 1
