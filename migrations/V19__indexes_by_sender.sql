-- The indexes of events by their senders (docs/adr/0044-an-id-is-its-senders.md). While they are built, process waits to
-- write events, and nothing else does. A large table may get them before, by `create index concurrently`: see
-- docs/OPERATIONS.md, "Migrations".
create unique index if not exists events_by_sender on events (event_id, sender);
create index if not exists events_journey_by_sender on events (user_id, occurred_at desc, event_id desc, sender desc)
    where user_id is not null;
