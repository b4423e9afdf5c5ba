-- Every connection that has a row, with its times.
select name, source, parent, account, settings, key_secret, signing_secret, state, revision, made_at, changed_at,
       leftover
from connections
order by name
