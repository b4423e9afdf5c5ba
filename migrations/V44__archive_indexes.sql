-- By these archive finds the rows of a window: a few pages a table, which inserts and updates at one place hardly touch. The time
-- of arrival is for the first window, which is copied day by day. While one is built, rows of its table wait to be written. A
-- large table may get it before, by `create index concurrently`: see docs/OPERATIONS.md, "Migrations".
set local lock_timeout = '300ms';

-- squawk-ignore require-concurrent-index-creation
create index if not exists events_by_tx on events using brin (tx, received_at) with (pages_per_range = 32, autosummarize = on);
-- squawk-ignore require-concurrent-index-creation
create index if not exists payments_by_tx on payments using brin (tx, updated_at) with (pages_per_range = 32, autosummarize = on);
-- squawk-ignore require-concurrent-index-creation
create index if not exists leads_by_tx on leads using brin (tx, (coalesce(updated_at, received_at)))
    with (pages_per_range = 32, autosummarize = on);
-- squawk-ignore require-concurrent-index-creation
create index if not exists contacts_by_tx on contacts using brin (tx, updated_at) with (pages_per_range = 32, autosummarize = on);
-- squawk-ignore require-concurrent-index-creation
create index if not exists calendar_events_by_tx on calendar_events using brin (tx, updated_at)
    with (pages_per_range = 32, autosummarize = on);
-- squawk-ignore require-concurrent-index-creation
create index if not exists transactions_by_tx on transactions using brin (tx, updated_at)
    with (pages_per_range = 32, autosummarize = on);
-- squawk-ignore require-concurrent-index-creation
create index if not exists dead_letters_by_tx on dead_letters using brin (tx, created_at)
    with (pages_per_range = 32, autosummarize = on);
