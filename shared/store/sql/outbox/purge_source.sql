-- Processed rows of a source that is kept for less long than others: its leaves cannot go yet. The order makes Postgres find
-- them by an index, and see at once that none is left. The leaf of all that came before the outbox had leaves is left out,
-- because its rows of later days would be walked through each time.
delete from outbox
where id in (
    select found.id
    from unnest(connections_of(:source, null)) as c (name)
    cross join lateral (
        select o.id from outbox o
        where o.source = c.name collate "default" and o.id < :before and o.status = 'processed' and o.tx < :archived
          and o.id >= coalesce((select to_id from outbox_leaves where name = 'outbox_before'), outbox_id_at('1970-01-01Z'))
        order by o.source, o.entity, o.external_id, o.version_key
        limit :limit
    ) found
    limit :limit
)
and status = 'processed' and id < :before
