-- The only insert into the outbox: each statement that stores rows calls it (docs/adr/0026-one-insert.md). A later
-- layout of the table, such as partitions, changes this function and no code.
--
-- Each array has one element a row. Rows are inserted in the order of the key: two writers that share some keys wait for
-- each other in one direction only, and of a key that comes twice the first row is inserted. The function returns the
-- ids of the rows whose version was not known before; this is the one place where a known version is dropped.
--
-- plpgsql, because it keeps the plan for as long as the connection lives; Postgres before 18 plans a function in sql
-- anew at each call.
create function insert_into_outbox(
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
    insert into outbox (id, source, entity, external_id, version_key, version_at, api_version, payload,
                        content_type, run_id, next_attempt_at, received_at)
    select i.id, p_source, i.entity, i.external_id, i.version_key, i.version_at, i.api_version, i.payload,
           p_content_type, p_run, p_ticket_due_at, p_received_at
    from unnest(p_ids, p_entities, p_external_ids, p_version_keys, p_version_ats, p_api_versions, p_payloads)
         with ordinality as i (id, entity, external_id, version_key, version_at, api_version, payload, place)
    order by i.external_id collate "C", i.entity, i.version_key, i.place
    on conflict (source, entity, external_id, version_key) do nothing
    returning outbox.id;
end
$$;
