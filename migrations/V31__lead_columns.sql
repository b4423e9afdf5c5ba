-- Leads as a CRM needs them (docs/adr/0055-leads-as-a-crm-needs-them.md). While the indexes are built, process waits to write
-- leads, and nothing else does. A large table may get columns, function and indexes before, the indexes by
-- `create index concurrently`: see docs/OPERATIONS.md, "Migrations".

-- Read out of the body by process. Rows of releases before have nulls until they are read again.
alter table leads
    add column if not exists first_name  text,
    add column if not exists last_name   text,
    add column if not exists country     text,
    add column if not exists language    text,
    add column if not exists ip          text,
    add column if not exists domain      text,
    add column if not exists offer       text,
    add column if not exists source_type text,
    add column if not exists marker      text,
    add column if not exists creative    text,
    add column if not exists click_id    text,
    add column if not exists description text,
    -- Written by people, through PATCH /leads/{id}.
    add column if not exists status      text,
    add column if not exists assigned_to text,
    -- Counts what was changed since the lead came: its ETag.
    add column if not exists revision    bigint not null default 0;

-- Each change of status and assignee. It goes with its lead.
create table if not exists lead_changes (
    lead_id    uuid        not null references leads (id) on delete cascade,
    revision   bigint      not null,                    -- that the change has made
    field      text        not null check (field in ('status', 'assigned_to')),
    old_value  text,
    new_value  text,
    changed_by text        not null,                    -- the name of the API key
    changed_at timestamptz not null,
    primary key (lead_id, revision, field)
);

-- The digits of a telephone number, by which it is looked for.
create or replace function lead_digits(phone text) returns text
language sql immutable parallel safe as $$
    select regexp_replace(phone, '[^0-9]', '', 'g')
$$;

-- The words that a lead is found by: beginnings of words of its name, address and description, and of its number.
create or replace function lead_words(name text, email text, phone text, description text) returns tsvector
language sql immutable parallel safe as $$
    select to_tsvector('pg_catalog.simple',
                       regexp_replace(coalesce(name, '') || ' ' || coalesce(email, '') || ' ' || coalesce(phone, '') || ' '
                                      || coalesce(description, ''), '[^[:alnum:]]+', ' ', 'g')
                       || ' ' || coalesce(regexp_replace(phone, '[^0-9]', '', 'g'), ''))
$$;

-- By address there is leads_email, of V3.
-- squawk-ignore require-concurrent-index-creation
create index if not exists leads_aside on leads (received_at desc, id desc) where state <> 'accepted';
-- squawk-ignore require-concurrent-index-creation
create index if not exists leads_by_status on leads (status, received_at desc, id desc) where status is not null;
-- squawk-ignore require-concurrent-index-creation
create index if not exists leads_by_assignee on leads (assigned_to, received_at desc, id desc) where assigned_to is not null;
-- squawk-ignore require-concurrent-index-creation
create index if not exists leads_by_sender on leads (sender, received_at desc, id desc) where sender is not null;
-- squawk-ignore require-concurrent-index-creation
create index if not exists leads_by_country on leads (lower(country), received_at desc, id desc) where country is not null;
-- squawk-ignore require-concurrent-index-creation
create index if not exists leads_by_phone on leads (lead_digits(phone), received_at desc, id desc) where phone is not null;
-- squawk-ignore require-concurrent-index-creation
create index if not exists leads_by_words on leads using gin (lead_words(name, email, phone, description));
