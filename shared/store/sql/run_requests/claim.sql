-- Claims an Idempotency-Key for a run; no row where it is taken. Whoever comes with the same key at the same time
-- waits here for the first. A key whose time is over is as good as new.
insert into idempotency_keys as k (scope, route, key, body_sha256, run_id, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (scope, route, key) do update
set body_sha256 = excluded.body_sha256, duplicates = null, run_id = excluded.run_id, created_at = excluded.created_at,
    expires_at = excluded.expires_at
where k.expires_at <= excluded.created_at
returning 1
