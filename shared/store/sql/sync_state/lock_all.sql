-- Locks all pulls of these connections. Of each it says since when a run is requested that has not begun.
select source, entity, mode,
       case when run_started is null or requested_at > run_started then requested_at end as requested_at
from sync_state
where source = any(:sources)
order by source, entity, mode
for update
