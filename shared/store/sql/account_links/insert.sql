-- A link that works once. The table has the hash of its token.
insert into account_links (id, kind, token_sha256, email, role, user_id, created_at, expires_at)
values (:id, :kind, :token_sha256, :email, :role, :user_id, :now, :expires_at)
