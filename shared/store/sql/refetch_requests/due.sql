-- Requests whose message seems to be lost. The longer one has waited, the longer it is left alone:
-- an object that cannot be read must not be asked for each minute.
with due as (
    select source, entity, external_id from refetch_requests
    where next_send_at <= :now
    order by next_send_at
    limit :limit
    for update skip locked
)
update refetch_requests r
set next_send_at = greatest(:next_due, :now + (:now - r.requested_at))
from due
where (r.source, r.entity, r.external_id) = (due.source, due.entity, due.external_id)
returning r.source, r.entity, r.external_id
