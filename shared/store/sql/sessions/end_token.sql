-- The session of a token.
delete from sessions where token_sha256 = :token_sha256
