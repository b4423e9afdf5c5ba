-- One account, without its hash.
select u.id, u.email, u.name, u.role, u.disabled_at, u.created_at,
       (select max(s.last_seen_at) from sessions s where s.user_id = u.id) as last_seen_at,
       (select count(*) from sessions s where s.user_id = u.id and s.expires_at > :now) as sessions
from users u
where u.id = :id
