-- Wishes that are newer than a lease, and deaths that are known (docs/adr/0034-evidence.md).

-- How often a person, or whatever speaks for one, has asked for this pull. A refusal pauses it only if nobody has since
-- the refused lease was taken.
alter table sync_state add column wishes bigint not null default 0;

-- How often a process is known to have died while it worked on this row alone. `attempts` may also have been lost by an
-- outage.
alter table outbox add column crashes smallint not null default 0;

-- Why an object could not be read the last time, and since when nobody tries any more. It is asked for again if it was
-- requested later than that.
alter table refetch_requests add column last_error text;
alter table refetch_requests add column ended_at timestamptz;
create index refetch_requests_ended on refetch_requests (ended_at) where ended_at is not null;
