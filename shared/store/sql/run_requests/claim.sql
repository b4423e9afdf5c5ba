-- Claims an Idempotency-Key for a run. It returns no row where the key is taken. A concurrent
-- request with the same key waits here for the first one's commit. A key that has expired is as
-- good as new.
insert into idempotency_keys as k (scope, route, key, body_sha256, run_id, created_at, expires_at)
values (:scope, :route, :key, :body_sha256, :run, :now, :expires_at)
on conflict (scope, route, key) do update
set body_sha256 = excluded.body_sha256, duplicates = null, run_id = excluded.run_id, created_at = excluded.created_at,
    expires_at = excluded.expires_at
where k.expires_at <= excluded.created_at
returning 1
