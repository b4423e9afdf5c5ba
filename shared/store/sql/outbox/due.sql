-- Rows whose ticket seems to be lost. Each is left alone until `next_due`, so that its new ticket
-- can arrive. Rows of a connection that is erased are left to that.
with due as (
    select id from outbox
    where status = 'pending' and next_attempt_at <= :now
      and source <> all(array(select name from connections where state in ('erasing', 'erased')))
    order by next_attempt_at
    limit :limit
    for update skip locked
)
update outbox o
set next_attempt_at = :next_due
from due
where o.id = due.id
returning o.id
