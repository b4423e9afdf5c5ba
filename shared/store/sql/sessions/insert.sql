-- Only for an account that can be signed in to.
insert into sessions (id, user_id, token_sha256, remembered, address, user_agent, created_at, renewed_at, last_seen_at,
                      expires_at)
select :id, u.id, :token_sha256, :remembered, :address, :user_agent, :now, :now, :now, :expires_at
from users u
where u.id = :user_id and u.disabled_at is null
