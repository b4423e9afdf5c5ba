-- Rows that never brought a process down come first, so that the guilty one holds none of them up. Rows of a connection
-- that is erased are left to `relay`.
select id, attempts, crashes
from outbox
where id = any(:ids) and status = 'pending'
  and source <> all(array(select name from connections where state in ('erasing', 'erased')))
order by crashes, attempts, id
