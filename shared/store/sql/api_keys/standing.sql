-- For a request that was accepted while Postgres was away: its key is checked when it is stored. A
-- key that was revoked meanwhile is told apart from one that was never ours.
select name, scope, revoked_at is not null as is_revoked from api_keys where sha256 = :sha256
