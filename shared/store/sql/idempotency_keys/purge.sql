-- A bounded number of expired keys, so that no purge holds its locks for long.
delete from idempotency_keys
where (scope, route, key) in (
    select scope, route, key from idempotency_keys
    where expires_at <= :now
    order by expires_at
    limit :limit
)
-- Repeated, because a request may have taken the key over since the subselect.
and expires_at <= :now
