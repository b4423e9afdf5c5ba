-- One key for the console, without its hash.
select k.id, k.name, k.scope, k.rate_per_second, k.made_by, k.created_at, k.revoked_at,
       greatest(k.last_used_at, w.window_start) as last_used_at
from api_keys k
left join rate_windows w on w.key_id = k.id
where k.id = :id
