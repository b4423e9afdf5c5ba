-- Connections that are erased and have got rows since, such as a webhook that had waited in a queue. For each, each table
-- is asked for its first row by an index: the order makes Postgres take it where it would expect to find a row sooner
-- otherwise. Names of connections have the collation of the columns that hold them, or no index is used.
select c.name, c.state, c.changed_at
from connections c
cross join lateral (
    (select 1 from outbox where source = c.name collate "default" order by source, entity, external_id, version_key limit 1)
    union all
    (select 1 from payments where source = c.name collate "default" order by source, kind, external_id limit 1)
    union all
    (select 1 from contacts where source = c.name collate "default" order by source, external_id limit 1)
    union all
    (select 1 from calendar_events where source = c.name collate "default" order by source, calendar_id, external_id limit 1)
    union all
    (select 1 from refetch_requests where source = c.name collate "default" order by source, entity, external_id limit 1)
    union all
    (select 1 from not_ours where source = c.name collate "default" order by source, reason, noted_at limit 1)
    union all
    (select 1 from sync_runs where source = c.name collate "default" order by source, entity, mode, started_at limit 1)
    union all
    (select 1 from sync_state where source = c.name collate "default" order by source, entity, mode limit 1)
    union all
    (select 1 from leads where lower(email) = lower(c.name collate "default" || '@smoke.invalid') limit 1)
    union all
    (select 1 from events where user_id = c.name || '@smoke.invalid' limit 1)
    limit 1
) late
where c.state = 'erased'
order by c.changed_at, c.name
limit :limit
