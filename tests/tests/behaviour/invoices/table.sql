-- Invoices in their newest version: what a migration would make.
create table invoices (
    source       text        not null,
    external_id  text        not null,
    customer     text,
    total        bigint      not null constraint total_is_not_negative check (total >= 0),
    state        text        not null,
    version_at   timestamptz not null,
    native       boolean     not null,
    version_rank smallint    not null,
    content_hash bigint      not null,
    raw          bytea       not null,
    outbox_id    uuid        not null,
    updated_at   timestamptz not null,
    primary key (source, external_id)
);
