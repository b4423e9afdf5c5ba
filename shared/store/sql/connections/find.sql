select name, source, parent, account, settings, key_secret, signing_secret, state, revision
from connections
where name = any(:names)
order by name
