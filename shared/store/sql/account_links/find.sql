-- A link that works, for the page that shows its button.
select id, kind, email, role, user_id, created_at, expires_at
from account_links
where token_sha256 = :token_sha256 and used_at is null and expires_at > :now
