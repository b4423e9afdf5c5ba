-- Channels over which a vendor pushes that something has changed. They end by themselves; fetch opens the next one
-- before, and closes the old one afterwards.
create table push_channels (
    source      text        not null,
    channel_id  text        not null,                   -- made by us
    scope       text        not null,                   -- what it watches: a calendar
    resource_id text        not null,                   -- the vendor's word for that; needed to close it
    address     text        not null,                   -- where it pushes to
    opened_at   timestamptz not null,
    expires_at  timestamptz not null,
    primary key (source, channel_id)
);
