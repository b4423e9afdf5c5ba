-- A connection and the accounts that are read with its key, locked in the order of their names.
select name, state
from connections
where name = :name or parent = :name
order by name
for update
