-- Keys for the console, without their hashes: valid ones first. The windows of rates know the last use to ten seconds, until
-- a crash of Postgres empties them.
select k.id, k.name, k.scope, k.rate_per_second, k.made_by, k.created_at, k.revoked_at,
       greatest(k.last_used_at, w.window_start) as last_used_at
from api_keys k
left join rate_windows w on w.key_id = k.id
order by k.revoked_at is not null, k.created_at desc, k.id desc
limit :limit
