-- A page of one user's events, newest first, from before (`before_time`, `before_id`,
-- `before_sender`) down to `from`. It reads one range of the index events_journey, in the order of
-- the index.
with page as (
    select event_id, sender, type, session_id, occurred_at, received_at, clock_skew, payload, metadata,
           -- Of values that are stored out of line this reads the length only.
           coalesce(octet_length(payload), 0) + coalesce(octet_length(metadata), 0) as size
    from events
    where user_id = :user_id and occurred_at >= :from
      and (occurred_at, event_id, sender) < (:before_time, :before_id, :before_sender)
    order by occurred_at desc, event_id desc, sender desc
    -- A subselect, so that the planner assumes a tenth of the rows. Where its statistics do not
    -- know of a user's many events, it would rather sort "all fifty" of them than read a hundred in
    -- order.
    limit (select :limit)
),
measured as (
    select page.*, count(*) over () as found,
           sum(size) over (order by occurred_at desc, event_id desc, sender desc rows unbounded preceding) - size as before
    from page
)
select event_id, sender, type, session_id, occurred_at, received_at, clock_skew, payload, metadata, found
from measured
-- The first event always fits: nothing comes before it.
where before < :bytes
order by occurred_at desc, event_id desc, sender desc
