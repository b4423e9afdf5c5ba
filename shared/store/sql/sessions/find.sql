-- The session of a token, if it is not over and its account is not disabled. A remembered session is renewed :renew_before,
-- and it is noted once a minute that it is in use (:seen_before). Both is left out unless :touch.
with found as (
    select s.id, s.user_id, s.remembered, s.address, s.user_agent, s.created_at, s.renewed_at, s.last_seen_at, s.expires_at,
           u.email, u.name, u.image, u.email_verified, u.role, u.created_at as user_created_at, u.updated_at as user_updated_at,
           s.remembered and s.renewed_at <= :renew_before as is_old
    from sessions s
    join users u on u.id = s.user_id
    where s.token_sha256 = :token_sha256 and s.expires_at > :now and u.disabled_at is null
),
touched as (
    update sessions s
    set last_seen_at = :now,
        renewed_at = case when f.is_old then :now else s.renewed_at end,
        expires_at = case when f.is_old then :expires_at else s.expires_at end
    from found f
    where :touch and s.id = f.id
      -- Of requests at the same time the first one does it.
      and (s.last_seen_at <= :seen_before or s.remembered and s.renewed_at <= :renew_before)
    returning s.id, s.renewed_at, s.expires_at, f.is_old
)
select f.id, f.user_id, f.email, f.name, f.image, f.email_verified, f.role, f.user_created_at, f.user_updated_at, f.remembered,
       f.address, f.user_agent, f.created_at, coalesce(t.renewed_at, f.renewed_at) as renewed_at,
       coalesce(t.expires_at, f.expires_at) as expires_at, coalesce(t.is_old, false) as renewed
from found f
left join touched t on t.id = f.id
