-- What is known of the accounts that are pulled, and rows that are not the deployment's own (docs/adr/0032-whose-money.md).

-- One row a source, written by fetch: what the vendor says of the account whose key it has.
create table vendor_accounts (
    source   text        primary key,
    livemode boolean,                                   -- null: not known, or no difference that the vendor makes
    currency text        check (currency ~ '^[A-Z]{3}$'), -- of amounts that name none; null: not known
    unknown  text,                                      -- why the vendor did not say, when it was asked last
    asked_at timestamptz not null
);

-- One row an outbox row that is processed and is somebody else's. It goes when the outbox row is purged: both ids sort
-- by arrival. No foreign key, because the outbox is to have partitions.
create table not_ours (
    outbox_id uuid        primary key,
    source    text        not null,
    reason    text        not null,                     -- test_mode, live_mode, connected_account
    noted_at  timestamptz not null
);
create index not_ours_by_reason on not_ours (source, reason, noted_at);

-- The connected account that a payment belongs to. Our key cannot read it, and no list of ours shows it.
alter table payments add column account text;
