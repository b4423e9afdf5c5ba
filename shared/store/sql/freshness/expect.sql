-- Writes down since when these pulls are known, once for each. A row that another transaction holds is left to the next
-- round. A connection that is removed or erased gets no row.
with here as (
    select s.source, s.entity
    from unnest(:sources, :entities) as k (source, entity)
    join sync_state s on s.source = k.source and s.entity = k.entity and s.mode = 'incremental'
    where s.known_since is null
    for update of s skip locked
),
noted as (
    update sync_state s set known_since = :now
    from here
    where (s.source, s.entity, s.mode) = (here.source, here.entity, 'incremental')
)
insert into sync_state (source, entity, mode, known_since, updated_at)
select k.source, k.entity, 'incremental', :now, :now
from unnest(:sources, :entities) as k (source, entity)
where not exists (select from sync_state s where s.source = k.source and s.entity = k.entity and s.mode = 'incremental')
  and not exists (select from connections c where c.name = k.source and c.state not in ('active', 'paused'))
order by k.source, k.entity
on conflict (source, entity, mode) do nothing
