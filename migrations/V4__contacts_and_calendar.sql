-- Sources whose cursor is no time, and two more kinds of rows.

-- The vendor's own cursor, such as a sync token; the next run begins with it.
alter table sync_state add column cursor text;
-- Why a run is owed, for the report of that run.
alter table sync_state add column requested_why text;

-- One row a person as a CRM knows them, in the version that stands. A person who is gone is marked, never dropped.
create table contacts (
    source       text        not null,
    external_id  text        not null,
    email        text,
    phone        text,
    first_name   text,
    last_name    text,
    merged_into  text,                                  -- the contact that has taken this one's place
    deleted_at   timestamptz,
    version_at   timestamptz not null,
    native       boolean     not null,                  -- reported as a change, not merely seen again by a full run
    version_rank smallint    not null,                  -- settles versions stamped alike: gone stands
    content_hash bigint      not null,
    raw          bytea       not null,
    outbox_id    uuid        not null,                  -- the version that stands
    updated_at   timestamptz not null,
    primary key (source, external_id)
);
create index contacts_email on contacts (lower(email)) where email is not null;

-- One row an entry of a calendar, in the version that stands.
create table calendar_events (
    source             text        not null,
    calendar_id        text        not null,
    external_id        text        not null,
    status             text        not null,
    summary            text,
    starts_at          timestamptz,                     -- these two, or the two dates, or none for a tombstone
    ends_at            timestamptz,
    start_date         date,
    end_date           date,                            -- the day after the last
    all_day            boolean     not null,
    recurring_event_id text,
    deleted_at         timestamptz,
    version_at         timestamptz not null,
    native             boolean     not null,
    version_rank       smallint    not null,
    content_hash       bigint      not null,
    raw                bytea       not null,
    outbox_id          uuid        not null,
    updated_at         timestamptz not null,
    primary key (source, calendar_id, external_id)
);
