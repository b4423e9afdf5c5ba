-- For the operator, so without the hashes.
select id, name, scope, rate_per_second, created_at, revoked_at
from api_keys
order by created_at, id
