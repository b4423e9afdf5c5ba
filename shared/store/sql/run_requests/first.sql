-- The first request under an Idempotency-Key, and the run that it was told.
select body_sha256, run_id
from idempotency_keys
where scope = :scope and route = :route and key = :key
