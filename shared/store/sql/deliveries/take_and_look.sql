-- What was pushed and only names an object ($13 and $14): one row, and the wish to read the object. One statement, so
-- that it is a transaction of its own: one round trip, and both are there or neither. The answer is the row; none
-- where this version is known, whose wish was committed with it.
with new as (
    insert into outbox (id, source, entity, external_id, version_key, version_at, api_version, payload,
                        content_type, run_id, next_attempt_at, received_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    on conflict (source, entity, external_id, version_key) do nothing
    returning id
),
look as (
    insert into refetch_requests (source, entity, external_id, requested_at, next_send_at)
    select $2, $13, $14, $15, $11 from new
    on conflict (source, entity, external_id) do update set requested_at = excluded.requested_at
)
select id from new
