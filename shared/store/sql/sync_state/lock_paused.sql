-- Locks a pull and the source's paused ones, in the order in which heal.sql does.
select
from sync_state
where source = :source and (halted is not null or (entity, mode) = (:entity, :mode))
order by mode, entity
for update
