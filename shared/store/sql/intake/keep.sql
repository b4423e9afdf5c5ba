-- One request in one statement: its Idempotency-Key is claimed and its rows are stored, or neither.
-- Whoever comes with the same key at the same time waits here for the first, and then finds the key taken. A key
-- whose time is over is as good as new.
with claimed as (
    insert into idempotency_keys as k (scope, route, key, body_sha256, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (scope, route, key) do update
    set body_sha256 = excluded.body_sha256, duplicates = null, created_at = excluded.created_at, expires_at = excluded.expires_at
    where k.expires_at <= excluded.created_at
    returning 1
),
-- In the order of the ids: two requests that share some must not wait for each other in a circle.
stored as (
    insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type,
                        next_attempt_at, received_at)
    select i.id, $7, $8, i.external_id, $9, i.version_at, i.payload, $10, $11, $12
    from unnest($13, $14, $15, $16) with ordinality as i (id, external_id, version_at, payload, place)
    where exists (select from claimed)
    order by i.external_id, i.place
    on conflict (source, entity, external_id, version_key) do nothing
    returning id
)
select exists (select from claimed) as taken, array(select id from stored) as ids
