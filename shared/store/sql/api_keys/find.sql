-- For a request that was accepted while Postgres was away: its key is checked when it is stored.
select id, name, scope, sha256 from api_keys where sha256 = :sha256 and revoked_at is null
