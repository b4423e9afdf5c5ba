-- A page of one user's events, newest first, from before ($3, $4) down to $2: one range of the index
-- events_journey, read in its own order.
with page as (
    select event_id, type, session_id, occurred_at, received_at, clock_skew, payload, metadata,
           -- Of what is stored out of line this reads the length only.
           coalesce(octet_length(payload), 0) + coalesce(octet_length(metadata), 0) as size
    from events
    where user_id = $1 and occurred_at >= $2 and (occurred_at, event_id) < ($3, $4)
    order by occurred_at desc, event_id desc
    -- As a subselect, so that the planner takes it for a tenth of the rows: where statistics do not know of a
    -- user's many events, it would rather sort "all fifty" of them than read a hundred in order.
    limit (select $5)
),
measured as (
    select page.*, count(*) over () as found,
           sum(size) over (order by occurred_at desc, event_id desc rows unbounded preceding) - size as before
    from page
)
select event_id, type, session_id, occurred_at, received_at, clock_skew, payload, metadata, found
from measured
-- Nothing comes before the first: it always fits.
where before < $6
order by occurred_at desc, event_id desc
