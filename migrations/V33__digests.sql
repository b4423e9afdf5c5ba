-- What the operators are told, and what they were told of (docs/adr/0057-digests.md). Functions of the release before
-- know nothing of it.

-- A message: the daily digest, or word of failures or recoveries. It is here before anything is sent, as it is sent.
create table digests (
    id         uuid primary key,
    kind       text        not null check (kind in ('daily', 'failure', 'recovery')),
    day        date        not null, -- the local day on which it is sent
    zone       text        not null, -- in this zone
    message    text        not null, -- JSON: subject, text, HTML and blocks; empty if nobody is told
    planned_at timestamptz not null
);
create unique index digests_daily on digests (kind, day, zone) where kind = 'daily';
create index digests_planned on digests (planned_at);

-- A message over one channel. `sending` is committed before the request, so what is sent once may be sent, and is not
-- sent again: after a crash it is `unsure`.
create table digest_sendings (
    digest_id   uuid        not null references digests (id) on delete cascade,
    channel     text        not null,
    state       text        not null check (state in ('planned', 'sending', 'sent', 'refused', 'unsure')),
    attempts    integer     not null default 0,
    next_try_at timestamptz not null,
    tried_at    timestamptz,
    error       text,
    primary key (digest_id, channel)
);
create index digest_sendings_open on digest_sendings (next_try_at) where state in ('planned', 'sending');

-- Something that is wrong, or was. One row each, as long as anybody may want to know.
create table digest_issues (
    issue    text primary key,
    what     text        not null, -- in words for a person
    began_at timestamptz not null,
    ended_at timestamptz,          -- null while it lasts
    is_told  boolean     not null, -- whether the operators were told of this time
    told_at  timestamptz           -- when they were last told of it, this time or an earlier one
);

-- One row: when the digest function last reached the database. Whoever checks locks it.
create table digest_checks (
    id            smallint primary key default 1 check (id = 1),
    checked_at    timestamptz,
    settles_until timestamptz -- after an outage, what waits is not news before
);
insert into digest_checks default values;
