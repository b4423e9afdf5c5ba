-- Requests of our own clients with what stands beside their bodies (docs/adr/0044-an-id-is-its-senders.md). Nothing
-- here takes long: the indexes come by themselves in V19.

-- The columns are null for what vendors send, and for rows of releases before.
alter table outbox
    add column sender           text,                   -- the name of the API key
    add column query            text,                   -- the query string as it came
    add column content_encoding text;                   -- of the payload, as it came
alter table leads
    add column sender           text,
    add column query            text,
    add column content_encoding text;
-- An event's id is its sender's own. Rows of releases before do not say whose they are.
alter table events add column if not exists sender text collate "C" not null default '';

-- As the function of V9, and takes what all rows of a request share beside their body.
create function insert_into_outbox(
    p_source           text,
    p_content_type     text,
    p_content_encoding text,
    p_sender           text,
    p_query            text,
    p_run              uuid,
    p_ticket_due_at    timestamptz,
    p_received_at      timestamptz,
    p_ids              uuid[],
    p_entities         text[],
    p_external_ids     text[],
    p_version_keys     text[],
    p_version_ats      timestamptz[],
    p_api_versions     text[],
    p_payloads         bytea[]
) returns setof uuid
language plpgsql as $$
begin
    return query
    insert into outbox (id, source, entity, external_id, version_key, version_at, api_version, payload,
                        content_type, content_encoding, sender, query, run_id, next_attempt_at, received_at)
    select i.id, p_source, i.entity, i.external_id, i.version_key, i.version_at, i.api_version, i.payload,
           p_content_type, p_content_encoding, p_sender, p_query, p_run, p_ticket_due_at, p_received_at
    from unnest(p_ids, p_entities, p_external_ids, p_version_keys, p_version_ats, p_api_versions, p_payloads)
         with ordinality as i (id, entity, external_id, version_key, version_at, api_version, payload, place)
    order by i.external_id collate "C", i.entity, i.version_key, i.place
    on conflict (source, entity, external_id, version_key) do nothing
    returning outbox.id;
end
$$;
-- The function of V9 remains for the release before.
create or replace function insert_into_outbox(
    p_source         text,
    p_content_type   text,
    p_run            uuid,
    p_ticket_due_at  timestamptz,
    p_received_at    timestamptz,
    p_ids            uuid[],
    p_entities       text[],
    p_external_ids   text[],
    p_version_keys   text[],
    p_version_ats    timestamptz[],
    p_api_versions   text[],
    p_payloads       bytea[]
) returns setof uuid
language plpgsql as $$
begin
    return query
    select id
    from insert_into_outbox(p_source, p_content_type, null, null, null, p_run, p_ticket_due_at, p_received_at, p_ids,
                            p_entities, p_external_ids, p_version_keys, p_version_ats, p_api_versions, p_payloads) as id;
end
$$;

-- Says which of these versions are stored with another payload, or no longer, by their places from 1 on. Security
-- definer: who puts events into the outbox must know whether one says the same, and may read no payload. Lengths come
-- first, because a long payload need not be read for its length.
create function differing_events(
    p_external_ids text[],
    p_version_keys text[],
    p_lengths      integer[],
    p_sha256s      bytea[]
) returns setof integer
language sql stable security definer as $$
    select i.place::integer
    from unnest(p_external_ids, p_version_keys, p_lengths, p_sha256s)
         with ordinality as i (external_id, version_key, length, sha256, place)
    left join outbox o on o.source = 'events' and o.entity = 'event'
                      and o.external_id = i.external_id and o.version_key = i.version_key
    where o.id is null or octet_length(o.payload) <> i.length or sha256(o.payload) <> i.sha256
    order by i.place
$$;
-- A caller's own table or view of that name must not be read with the owner's rights.
do $$
begin
    execute format('alter function differing_events set search_path = %I, pg_temp', current_schema());
end
$$;
revoke execute on function differing_events from public;

-- Events whose sender had used the id before, for an event that says something else. Of each text one.
create table conflicting_events (
    id           uuid             primary key,
    event_id     text collate "C" not null,
    sender       text collate "C" not null,
    query        text,
    content_type text             not null,
    body         bytea            not null,             -- the event's JSON as it came
    received_at  timestamptz      not null
);
create unique index conflicting_events_by_id on conflicting_events (event_id, sender, sha256(body));
create index conflicting_events_received on conflicting_events (received_at);
