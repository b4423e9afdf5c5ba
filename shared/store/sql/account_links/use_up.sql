-- Of two people with one link the second waits, and then reads that it is used.
update account_links
set used_at = :now
where token_sha256 = :token_sha256 and used_at is null and expires_at > :now
returning id, kind, email, role, user_id, created_at, expires_at
