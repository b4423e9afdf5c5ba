-- Adds what became of the runs' rows. The runs are locked in one order, so that two batches cannot
-- wait for each other.
with counted as (
    select * from unnest(:ids, :processed, :dead) as c (id, processed, dead)
),
held as (
    select r.id from sync_runs r join counted c on c.id = r.id order by r.id for update of r
)
update sync_runs r
set processed = r.processed + c.processed, dead = r.dead + c.dead, updated_at = greatest(r.updated_at, :now),
    unmapped = array(select distinct u from unnest(r.unmapped || array(
        select s.status from unnest(:unmapped_ids, :unmapped) as s (id, status) where s.id = r.id)) u order by u)
from counted c
join held on held.id = c.id
where r.id = c.id
