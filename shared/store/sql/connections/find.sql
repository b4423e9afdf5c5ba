-- Connections and their parents, whose keys and settings theirs go by.
select name, source, parent, account, settings, key_secret, signing_secret, state, revision
from connections
where name = any(:names)
   or name in (select parent from connections where name = any(:names))
order by name
