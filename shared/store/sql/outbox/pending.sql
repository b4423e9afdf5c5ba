-- Rows that never brought a process down come first, so that the guilty one holds none of them up.
select id, attempts, crashes
from outbox
where id = any(:ids) and status = 'pending'
order by crashes, attempts, id
