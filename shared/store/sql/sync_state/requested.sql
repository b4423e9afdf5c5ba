-- Those of these pulls whose run is requested and has not begun.
select entity
from sync_state
where source = :source and mode = :mode and entity = any(:entities) and requested_at is not null and run_id is null
order by entity
