-- Committed before the work: if it does not end, the count tells which rows to work alone. A row that
-- another worker holds is skipped, not waited for. So is one whose connection is erased.
with free as (
    select id from outbox
    where id = any(:ids) and status = 'pending'
      and source <> all(array(select name from connections where state in ('erasing', 'erased')))
    for update skip locked
)
update outbox o set attempts = o.attempts + 1
from free
where o.id = free.id and o.id = any(:ids)
returning o.id
