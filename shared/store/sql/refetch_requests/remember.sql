-- Objects that a person asked for. One that is requested already keeps its place.
insert into refetch_requests (source, entity, external_id, requested_at, next_send_at)
select :source, :entity, i.id, :now, :resend_at
from unnest(:external_ids) as i (id)
order by i.id
on conflict do nothing
