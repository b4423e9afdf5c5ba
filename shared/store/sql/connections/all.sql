-- Every connection that was made or paused. There are tens of them, hundreds where accounts connect by themselves.
select name, source, parent, account, settings, key_secret, signing_secret, state, revision
from connections
order by name
