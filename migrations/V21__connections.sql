-- Several accounts of a vendor (docs/adr/0045-connections.md). The columns called `source` hold a connection's name. Each
-- source's first connection is called like the source, so no row changes.

-- One row a connection that was made while the system runs. One that the template declares has a row only if somebody
-- has paused it.
create table connections (
    name           text        primary key check (name ~ '^[a-z][A-Za-z0-9_.-]{0,99}$'),
    source         text        not null,                -- the vendor
    parent         text,                                -- the connection whose key reads this account
    account        text,                                -- the vendor's id of that account
    settings       text        not null default '{}',   -- JSON: texts by the vendor's own names
    key_secret     text,                                -- the name of the secret; null: the parent's, or the template's
    signing_secret text,
    state          text        not null check (state in ('active', 'paused', 'removed', 'erasing', 'erased')),
    revision       bigint      not null default 1,      -- another one for each change
    changing_until timestamptz,                         -- somebody writes its secrets
    leftover       text[]      not null default '{}',   -- secrets that were written, or are to be deleted
    made_at        timestamptz not null,
    changed_at     timestamptz not null,
    check ((parent is null) = (account is null))
);
create unique index connections_account on connections (parent, account) where account is not null;

-- Connected accounts that are no connections and whose events came all the same. `source` is the connection that they
-- came to.
create table strange_accounts (
    source   text        not null,
    account  text        not null,
    events   bigint      not null,
    first_at timestamptz not null,
    last_at  timestamptz not null,
    primary key (source, account)
);

-- The connections of a source: its first one, and those that were made. Null, which asks for none in particular, for
-- null. A query names it once, and Postgres calls it once.
create function connections_of(vendor text, connection text) returns text[]
language sql stable parallel safe as $$
    select case
        when connection is not null and vendor is not null then
            array(select c from unnest(array[connection]) as c
                  where vendor = coalesce((select source from public.connections where name = c), c))
        when connection is not null then array[connection]
        when vendor is not null then
            array(select name from public.connections where source = vendor
                  union
                  select vendor where not exists (select from public.connections where name = vendor and source <> vendor))
        end
$$;
