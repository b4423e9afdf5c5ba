-- A negative amount is a credit: a deal of a CRM may be one (docs/adr/0029-what-a-deal-is-worth.md).
alter table payments drop constraint payments_amount_check;

-- Whether the newest version cannot be read, so that nothing is known of the contact. Payments and entries of a
-- calendar say it by their status.
alter table contacts add column unreadable boolean not null default false;

-- What GET /metrics/unreadable-objects looks up. A calendar has few rows: the lock is short.
create index calendar_events_unreadable on calendar_events (source, external_id) where status = 'unreadable';
