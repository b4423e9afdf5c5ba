-- The console lists the entries of calendars in the order in which they begin.
set local lock_timeout = '300ms';

-- When an entry begins. A date is its midnight in UTC, so that both kinds have one order.
create function calendar_start(starts_at timestamptz, start_date date) returns timestamptz
language sql immutable parallel safe as $$
    select coalesce(starts_at, start_date::timestamp at time zone 'UTC')
$$;

-- A calendar has few rows: the lock is short.
-- squawk-ignore require-concurrent-index-creation
create index calendar_events_by_start
    on calendar_events (calendar_start(starts_at, start_date), source, calendar_id, external_id);
