-- Connections that are being erased, those first that have waited longest.
select name, state, changed_at
from connections
where state = 'erasing'
order by changed_at, name
limit :limit
