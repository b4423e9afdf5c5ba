-- One connection, with its times.
select name, source, parent, account, settings, key_secret, signing_secret, state, revision, made_at, changed_at,
       leftover
from connections
where name = :name
