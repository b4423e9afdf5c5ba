-- Accounts of people, their sessions, and the trail of all changes (docs/adr/0064-accounts-and-sessions.md). `accounts` signs
-- people in, and `console` finds their sessions.
set local lock_timeout = '300ms';

create table users (
    id             uuid        primary key,
    email          text        not null unique,         -- normalized: the domain's `account::email`
    name           text        not null,
    image          text,
    email_verified boolean     not null default false,
    role           text        not null check (role in ('viewer', 'operator', 'admin')),
    password       text,                                -- a PHC string, or salt:hex of Better Auth; null: none is set
    disabled_at    timestamptz,                         -- from then on nobody signs in
    created_at     timestamptz not null,
    updated_at     timestamptz not null
);
create index users_newest on users (created_at desc, id desc);

-- A session ends when its row goes. The token itself is with the browser alone.
create table sessions (
    id           uuid        primary key,               -- names the session in replies; it opens nothing
    user_id      uuid        not null references users on delete cascade,
    token_sha256 bytea       not null unique check (octet_length(token_sha256) = 32),
    remembered   boolean     not null,                  -- else it lasts a day, and is never renewed
    address      text,                                  -- the network address that has signed in
    user_agent   text,
    created_at   timestamptz not null,
    renewed_at   timestamptz not null,
    last_seen_at timestamptz not null,                  -- written once a minute at most
    expires_at   timestamptz not null
);
create index sessions_of_user on sessions (user_id, created_at desc);
create index sessions_expired on sessions (expires_at);

-- Links that work once: to sign in, to take an invitation up, to set a new password.
create table account_links (
    id           uuid        primary key,
    kind         text        not null check (kind in ('sign_in', 'invite', 'reset')),
    token_sha256 bytea       not null unique check (octet_length(token_sha256) = 32),
    email        text        not null,
    role         text        check (role in ('viewer', 'operator', 'admin')),
    user_id      uuid        references users on delete cascade,
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    used_at      timestamptz,
    check ((kind = 'invite') = (role is not null)),
    check (kind = 'invite' or user_id is not null)
);
create index account_links_of_email on account_links (email);
create index account_links_of_user on account_links (user_id) where user_id is not null;
create index account_links_expired on account_links (expires_at);

-- Requests of people who have forgotten their password, for addresses of no account too: the answer to both is the same.
create table reset_requests (
    email          text        primary key,
    requested_at   timestamptz not null,
    attempts       integer     not null default 0,
    next_action_at timestamptz                          -- null: it is done, and holds the next one off for a while
);
create index reset_requests_due on reset_requests (next_action_at) where next_action_at is not null;
create index reset_requests_oldest on reset_requests (requested_at);

-- How often a password may be tried. A key is a hash: of an account's address, of a network address, or of both.
create table sign_in_limits (
    key        bytea       primary key check (octet_length(key) = 32),
    kind       text        not null check (kind in ('account', 'address', 'known')),
    failures   integer     not null default 0,
    free_at    timestamptz not null,
    updated_at timestamptz not null
);
create index sign_in_limits_oldest on sign_in_limits (updated_at);

-- Who has changed what. Rows are added in the transaction of the change, and change never.
create table audit_log (
    id          uuid        primary key,
    seq         bigint      generated always as identity,   -- the order of rows of one time
    happened_at timestamptz not null,
    actor_kind  text        not null check (actor_kind in ('user', 'key', 'operator', 'system')),
    actor_id    uuid,                                   -- of a user
    actor       text,                                   -- an address, the name of a key, the name of an operator
    action      text        not null,
    object      text        not null,
    count       bigint,
    why         text,
    detail      text,                                   -- JSON
    request_id  text        not null,
    address     text,
    check ((actor_kind = 'user') = (actor_id is not null)),
    check ((actor_kind = 'system') = (actor is null))
);
create index audit_log_newest on audit_log (happened_at desc, seq desc);
create index audit_log_by_actor on audit_log (actor, happened_at desc, seq desc);
create index audit_log_by_action on audit_log (action, happened_at desc, seq desc);
create index audit_log_by_object on audit_log (object, happened_at desc, seq desc);
