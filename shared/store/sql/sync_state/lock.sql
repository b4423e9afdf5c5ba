-- Holds the rows of these pulls until the transaction ends, and makes those that do not exist: a
-- concurrent request for the same runs waits here, and then sees this one's.
insert into sync_state as s (source, entity, mode, updated_at)
select :source, i.entity, :mode, :now
from unnest(:entities) as i (entity)
order by i.entity
on conflict (source, entity, mode) do update set updated_at = s.updated_at
