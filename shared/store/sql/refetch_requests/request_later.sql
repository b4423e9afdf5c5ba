-- Objects to read again at a later time, and not before: they count as tried once. One that is
-- requested already keeps its place.
insert into refetch_requests (source, entity, external_id, tries, requested_at, next_send_at)
select :source, :entity, i.id, 1, :now, :read_at
from unnest(:external_ids) as i (id)
order by i.id
on conflict do nothing
