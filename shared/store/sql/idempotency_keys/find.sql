-- The first request under an Idempotency-Key: a later one is compared with it, and is told what it
-- was told.
select body_sha256, duplicates
from idempotency_keys
where scope = :scope and route = :route and key = :key
