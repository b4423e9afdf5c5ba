-- As in V44, for all leaves. While it is built, requests are spilled. A large outbox may get it before, leaf by leaf and by
-- `create index concurrently`: then this only joins them.
set local lock_timeout = '300ms';

-- squawk-ignore require-concurrent-index-creation
create index if not exists outbox_by_tx on outbox using brin (tx, received_at) with (pages_per_range = 32, autosummarize = on);
