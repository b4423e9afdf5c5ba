-- Objects to read again at a later time, and not before: they count as tried once. A page of the
-- vendor may name one twice. One that is
-- requested already is tried no later than that, and the read under way does not answer it.
insert into refetch_requests as r (source, entity, external_id, tries, requested_at, next_send_at)
select :source, :entity, i.id, 1, :now, :read_at
from (select distinct id from unnest(:external_ids) as i (id)) i
order by i.id
on conflict (source, entity, external_id) do update
set requested_at = greatest(r.requested_at, excluded.requested_at),
    next_send_at = least(r.next_send_at, excluded.next_send_at), ended_at = null,
    failing_since = null
