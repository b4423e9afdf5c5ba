-- An object that is requested already is requested again, and is tried at once: the read under way
-- may have come too early. A writer that began earlier may commit later, and moves no time back. In
-- the order of the key, so that two writers wait for each other in one direction only.
insert into refetch_requests as r (source, entity, external_id, pushed, requested_at, next_send_at)
select i.source, i.entity, i.external_id, :pushed, :now, :resend_at
from unnest(:sources, :entities, :external_ids) as i (source, entity, external_id)
order by i.source, i.entity, i.external_id
on conflict (source, entity, external_id) do update
set requested_at = greatest(r.requested_at, excluded.requested_at), pushed = r.pushed or excluded.pushed,
    tries = 0, next_send_at = least(r.next_send_at, excluded.next_send_at), ended_at = null,
    failing_since = null
