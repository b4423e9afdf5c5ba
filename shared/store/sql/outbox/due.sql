-- What has waited past its time gets a new ticket, and the next one only after the pause ($2).
with due as (
    select id from outbox
    where status = 'pending' and next_attempt_at <= $1
    order by next_attempt_at
    limit $3
    for update skip locked
)
update outbox o
set next_attempt_at = $2
from due
where o.id = due.id
returning o.id
