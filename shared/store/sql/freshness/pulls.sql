-- What changes in each open connection is pulled by entity: each pull with its last success, and the time from which its
-- silence counts. That is its last success, or when its connection was made or last changed, such as resumed, or when
-- `relay` first knew of it. The full runs of an entity count as long as no incremental run of it has succeeded. A row
-- that only carries the state of a connection which is not declared any more is no connection. Names of connections
-- have the collation of the columns that hold them, or no index is used.
select o.source, o.connection, k.entity, o.state, ran.last_success,
       greatest(ran.last_success, o.changed_at, case when ran.last_success is null then s.known_since end) as silent_since
from (
    select coalesce(c.source, d.name) as source, coalesce(c.name, d.name) collate "default" as connection,
           coalesce(c.state, 'active') as state, c.changed_at
    from unnest(:declared) as d (name)
    full join connections c on c.name = d.name
    where d.name is not null or c.name <> c.source or c.key_secret is not null
) o
join unnest(:sources, :entities) as k (source, entity) on k.source = o.source
left join sync_state s on s.source = o.connection and s.entity = k.entity and s.mode = 'incremental'
cross join lateral (
    select coalesce(
        (select r.finished_at from sync_runs r
          where r.source = o.connection and r.entity = k.entity and r.mode = 'incremental' and r.status = 'succeeded'
          order by r.finished_at desc limit 1),
        (select r.finished_at from sync_runs r
          where r.source = o.connection and r.entity = k.entity and r.mode = 'full' and r.status = 'succeeded'
          order by r.finished_at desc limit 1)) as last_success
) ran
where o.state in ('active', 'paused')
order by o.connection, k.entity
