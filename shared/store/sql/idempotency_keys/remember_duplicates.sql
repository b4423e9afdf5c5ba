-- For the replays of the request: their reply names the same events as duplicates.
update idempotency_keys set duplicates = :duplicates
where scope = :scope and route = :route and key = :key
