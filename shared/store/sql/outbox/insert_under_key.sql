-- The rows of a request under an Idempotency-Key. One statement claims the key and inserts the
-- rows, or does neither. A concurrent request with the same key waits here for the first one's
-- commit and then finds the key taken. A key that has expired is as good as new.
with claimed as (
    insert into idempotency_keys as k (scope, route, key, body_sha256, created_at, expires_at)
    values (:scope, :route, :key, :body_sha256, :now, :expires_at)
    on conflict (scope, route, key) do update
    set body_sha256 = excluded.body_sha256, duplicates = null, created_at = excluded.created_at,
        expires_at = excluded.expires_at
    where k.expires_at <= excluded.created_at
    returning 1
),
new as (
    select id
    from claimed,
         insert_into_outbox(:source, :content_type, :content_encoding, :sender, :query, :run, :ticket_due_at,
                            :received_at, :ids, :entities, :external_ids, :version_keys, :version_ats,
                            :api_versions, :payloads) as id
)
select exists (select from claimed) as is_claimed, array(select id from new) as ids
