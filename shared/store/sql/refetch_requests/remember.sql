-- Objects that a person asked for, each with the version of its request: the transaction that wrote
-- it last.
insert into refetch_requests as r (source, entity, external_id, requested_at, next_send_at)
select :source, :entity, i.id, :now, :resend_at
from (select distinct id from unnest(:external_ids) as i (id)) i
order by i.id
on conflict (source, entity, external_id) do update
set requested_at = greatest(r.requested_at, excluded.requested_at),
    next_send_at = least(r.next_send_at, excluded.next_send_at), ended_at = null,
    failing_since = null
returning r.external_id, r.xmin::text as version
