-- The sessions of a user that are not over, newest first.
select id, user_id, remembered, address, user_agent, created_at, renewed_at, last_seen_at, expires_at
from sessions
where user_id = :user_id and expires_at > :now
order by created_at desc, id desc
limit :limit
