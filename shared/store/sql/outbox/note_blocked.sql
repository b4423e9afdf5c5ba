-- Notes why rows are still pending, for the operator who asks. The failure is not theirs, so it counts as no attempt. A row
-- that another worker holds is left to that.
with free as (
    select id from outbox
    where id = any(:ids) and status = 'pending'
    for update skip locked
)
update outbox o
set error_kind = 'blocked', last_error = :reason, error_field = null, failed_at = :now
from free
where o.id = free.id and o.id = any(:ids)
