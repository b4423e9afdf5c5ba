-- Notes why rows are still pending, once until they are processed. The failure is not theirs, so it counts as no attempt
-- of theirs. A row that another worker holds is left to that.
with free as (
    select id from outbox
    where id = any(:ids) and status = 'pending' and error_kind is distinct from 'blocked'
    for update skip locked
),
noted as (
    update outbox o
    set error_kind = 'blocked', last_error = :error, error_field = null
    from free
    where o.id = free.id and o.id = any(:ids)
    returning o.id, o.source, o.entity, o.external_id, o.attempts
)
insert into failed_attempts (outbox_id, failed_at, source, entity, external_id, attempts, died, error_kind, error, reason)
select id, :now, source, entity, external_id, attempts, false, 'blocked', :error, reason_of(:error)
from noted
on conflict do nothing
