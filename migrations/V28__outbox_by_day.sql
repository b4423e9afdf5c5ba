-- The third step: today's table becomes the oldest leaf of a partitioned one. No row moves and none is read: the check
-- of V26 says that all are in the leaf's range. The lock lasts for as long as it takes to make some empty tables.
set local lock_timeout = '300ms';
lock table outbox in access exclusive mode;

alter table outbox rename to outbox_before;
alter index outbox_pkey rename to outbox_before_pkey;
alter index outbox_pending rename to outbox_before_pending;

-- No default leaf: a row whose day has no leaf is an error that somebody sees.
create table outbox (like outbox_before including all excluding indexes excluding statistics, primary key (id))
    partition by range (id);
alter table outbox drop constraint outbox_before_bound;
-- Pending rows. Partial, so that a claim never walks the processed rows.
create index outbox_pending on outbox (next_attempt_at) where status = 'pending';

-- The range of today's table is what its check says. The release before goes on using the table's name, so its logins
-- have from now on what they had, and nothing on the leaf.
do $$
declare
    v_bound uuid;
    v_owner text;
    v_grant record;
begin
    select substring(pg_get_constraintdef(oid) from '[0-9a-f]{8}-[0-9a-f-]{27}')::uuid into strict v_bound
    from pg_constraint where conrelid = 'outbox_before'::regclass and conname = 'outbox_before_bound';
    execute format('alter table outbox attach partition outbox_before for values from (minvalue) to (%L)', v_bound);
    alter table outbox_before drop constraint outbox_before_bound;

    select pg_get_userbyid(relowner) into strict v_owner from pg_class where oid = 'outbox_before'::regclass;
    for v_grant in
        select a.privilege_type as verb, '' as columns, a.grantee::regrole::text as grantee
        from pg_class c, aclexplode(c.relacl) a
        where c.oid = 'outbox_before'::regclass and a.grantee not in (0, c.relowner)
        union all
        select a.privilege_type, format('(%I)', t.attname), a.grantee::regrole::text
        from pg_attribute t, aclexplode(t.attacl) a
        where t.attrelid = 'outbox_before'::regclass and a.grantee <> 0
    loop
        execute format('grant %s %s on outbox to %s', v_grant.verb, v_grant.columns, v_grant.grantee);
        execute format('revoke %s %s on outbox_before from %s', v_grant.verb, v_grant.columns, v_grant.grantee);
    end loop;
    if v_owner <> current_user then
        execute format('alter table outbox owner to %I', v_owner);
    end if;
end
$$;

-- The leaves, with the ids that each begins and ends with; null is no bound. Everybody can read this in the catalogue.
create view outbox_leaves as
select c.relname::text as name,
       nullif(trim(both '''' from bounds[1]), 'MINVALUE')::uuid as from_id,
       nullif(trim(both '''' from bounds[2]), 'MAXVALUE')::uuid as to_id
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \((.*)\) TO \((.*)\)') as bounds
where i.inhparent = 'outbox'::regclass;

grant select on outbox_leaves to public;

-- A claim rewrites its row. A payload that is large enough to be compressed lies outside it, so that no claim copies it.
-- Storage settings are not inherited: each leaf has its own.
create function set_outbox_storage(p_leaf text) returns void
language plpgsql as $$
begin
    execute format('alter table %I set (toast_tuple_target = 256, autovacuum_vacuum_scale_factor = 0.05)', p_leaf);
end
$$;
revoke execute on function set_outbox_storage from public;

-- Makes the leaves of the day of p_now and of p_days days after it, and returns for how many days after it there are
-- leaves without a gap; -1 is none for the day itself. A leaf is created and then attached, because to create it as a
-- partition would lock the whole outbox. Of two callers at once one finds the other's leaf.
create function make_outbox_leaves(p_now timestamptz, p_days integer) returns integer
language plpgsql security definer as $$
declare
    v_ahead integer := -1;
    v_day   timestamp;
    v_from  uuid;
    v_to    uuid;
    v_name  text;
begin
    for n in 0 .. p_days loop
        v_day := date_trunc('day', p_now at time zone 'UTC') + n * interval '1 day';
        v_from := outbox_id_at(v_day at time zone 'UTC');
        v_to := outbox_id_at((v_day + interval '1 day') at time zone 'UTC');
        v_name := 'outbox_p' || to_char(v_day, 'YYYYMMDD');
        if not exists (select from outbox_leaves l
                       where coalesce(l.from_id <= v_from, true) and coalesce(l.to_id >= v_to, true)) then
            begin
                execute format('create table %I (like outbox including all)', v_name);
                -- A unique index over all leaves would have to contain the id: see insert_into_outbox.
                execute format('alter table %I add unique (source, entity, external_id, version_key)', v_name);
                perform set_outbox_storage(v_name);
                execute format('alter table outbox attach partition %I for values from (%L) to (%L)', v_name, v_from, v_to);
            exception
                when duplicate_table or duplicate_object or unique_violation or lock_not_available then
                    exit when not exists (select from outbox_leaves l where l.name = v_name);
            end;
        end if;
        v_ahead := n;
    end loop;
    return v_ahead;
end
$$;

-- Whether a leaf has rows that are pending or dead. No index knows the dead ones, but each has its letter.
create function is_outbox_leaf_needed(p_name text) returns boolean
language plpgsql security definer as $$
declare
    v_from   uuid;
    v_to     uuid;
    v_needed boolean;
begin
    select from_id, to_id into strict v_from, v_to from outbox_leaves where name = p_name;
    execute format('select exists (select from %1$I where status = ''pending'' order by next_attempt_at limit 1)
                        or exists (select from dead_letters d join %1$I o on o.id = d.outbox_id
                                   where d.outbox_id >= %2$L and d.outbox_id < %3$L and o.status = ''dead'')',
                   p_name, coalesce(v_from, '00000000-0000-0000-0000-000000000000'), v_to)
        into v_needed;
    return v_needed;
end
$$;

-- Empties the oldest leaf that ends at p_before or earlier and has only processed rows, and returns its name. It locks
-- this leaf only. If it finds none, it returns the name of one that is in use, with false, and no row if all have rows that
-- are needed.
create function empty_outbox_leaf(p_before timestamptz, out name text, out is_emptied boolean) returns setof record
language plpgsql security definer as $$
declare
    v_name text;
begin
    is_emptied := false;
    for v_name in select l.name from outbox_leaves l where l.to_id <= outbox_id_at(p_before) order by l.to_id loop
        begin
            continue when pg_relation_size(format('%I', v_name)::regclass) = 0 or is_outbox_leaf_needed(v_name);
            execute format('lock table only %I in access exclusive mode', v_name);
            -- Again, because a row may have come, or have been replayed, until the lock was there.
            if not is_outbox_leaf_needed(v_name) then
                execute format('truncate only %I', v_name);
                name := v_name;
                is_emptied := true;
                return next;
                return;
            end if;
        exception
            when lock_not_available then name := v_name;
            -- Another caller has dropped it.
            when undefined_table or no_data_found then null;
        end;
    end loop;
    if name is not null then
        return next;
    end if;
end
$$;

-- Drops the oldest leaf that ends at p_before or earlier and has no rows, and returns its name; null if there is none, or
-- if the outbox is in use. It locks the whole outbox for a moment.
create function drop_outbox_leaf(p_before timestamptz) returns text
language plpgsql security definer as $$
declare
    v_name text;
    v_rows boolean;
begin
    for v_name in select name from outbox_leaves where to_id <= outbox_id_at(p_before) order by to_id loop
        begin
            continue when pg_relation_size(format('%I', v_name)::regclass) > 0;
            lock table only outbox in access exclusive mode;
            execute format('lock table only %I in access exclusive mode', v_name);
            execute format('select exists (select from only %I)', v_name) into v_rows;
            if not v_rows then
                execute format('drop table %I', v_name);
                return v_name;
            end if;
        exception
            when lock_not_available or undefined_table then return null;
        end;
    end loop;
    return null;
end
$$;

-- The oldest id that a row can have which did not arrive before the first of these times. Clocks may differ by an hour.
create function outbox_since(p_ats timestamptz[]) returns uuid
language sql immutable parallel safe as $$
    select outbox_id_at(((min(at) at time zone 'UTC') - interval '1 hour') at time zone 'UTC') from unnest(p_ats) as at
$$;

-- The oldest id under which a twin of one of these versions can be. A version does not arrive before it is made, which its
-- stamp says, or the id of the run in its key. Stamps that are our own time of receipt, and ids that senders choose, do not
-- say it: their twins are looked for in the week before, and those of leads in all that is kept.
create function outbox_twins_since(
    p_source       text,
    p_version_keys text[],
    p_version_ats  timestamptz[],
    p_received_at  timestamptz
) returns uuid
language sql immutable parallel safe as $$
    select outbox_since(array_agg(case
               when v.key ~ '^(run|look|gone|sweep):[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}'
                   then outbox_time_of(substring(v.key from position(':' in v.key) + 1 for 36)::uuid)
               when p_source = 'leads' then '1970-01-01 00:00Z'
               when v.key like 'from:%' or v.at = p_received_at then least(v.at, p_received_at - interval '7 days')
               else least(v.at, p_received_at)
           end))
    from unnest(p_version_keys, p_version_ats) as v (key, at)
$$;

-- The places, from 1 on, of the versions that are known under ids from p_since up to p_until. It keeps one plan for all
-- leaves, of which each call looks into those of its range. A subselect and no join, which could be planned as a walk
-- through all rows.
create function known_in_outbox(
    p_source       text,
    p_entities     text[],
    p_external_ids text[],
    p_version_keys text[],
    p_since        uuid,
    p_until        uuid
) returns bigint[]
language plpgsql stable
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
    return array(
        select i.place
        from unnest(p_entities, p_external_ids, p_version_keys) with ordinality as i (entity, external_id, version_key, place)
        where (select o.id from outbox o
               where o.id >= p_since and o.id < p_until and o.source = p_source and o.entity = i.entity
                 and o.external_id = i.external_id and o.version_key = i.version_key
               limit 1) is not null
    );
end
$$;

-- As in V18, for leaves of which each knows its own versions only. Leaves of earlier days are looked into where a twin of a
-- row can be. Twins that are inserted at once on both sides of midnight both come in, and the gates of the tables that they
-- are written to make one effect of them.
create or replace function insert_into_outbox(
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
declare
    v_since uuid := outbox_twins_since(p_source, p_version_keys, p_version_ats, p_received_at);
    v_today uuid := outbox_id_at(date_trunc('day', outbox_time_of(p_ids[1]) at time zone 'UTC') at time zone 'UTC');
    v_known bigint[] := '{}';
begin
    if v_since < v_today then
        v_known := known_in_outbox(p_source, p_entities, p_external_ids, p_version_keys, v_since, v_today);
    end if;
    return query
    insert into outbox (id, source, entity, external_id, version_key, version_at, api_version, payload,
                        content_type, content_encoding, sender, query, run_id, next_attempt_at, received_at)
    select i.id, p_source, i.entity, i.external_id, i.version_key, i.version_at, i.api_version, i.payload,
           p_content_type, p_content_encoding, p_sender, p_query, p_run, p_ticket_due_at, p_received_at
    from unnest(p_ids, p_entities, p_external_ids, p_version_keys, p_version_ats, p_api_versions, p_payloads)
         with ordinality as i (id, entity, external_id, version_key, version_at, api_version, payload, place)
    where i.place <> all (v_known)
    order by i.external_id collate "C", i.entity, i.version_key, i.place
    on conflict do nothing
    returning outbox.id;
end
$$;

-- As in V18. Of twins in several leaves the first counts.
create or replace function differing_events(
    p_external_ids text[],
    p_version_keys text[],
    p_lengths      integer[],
    p_sha256s      bytea[]
) returns setof integer
language plpgsql stable security definer
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
    return query
    select i.place::integer
    from unnest(p_external_ids, p_version_keys, p_lengths, p_sha256s)
         with ordinality as i (external_id, version_key, length, sha256, place)
    left join lateral (
        select octet_length(o.payload) = i.length and sha256(o.payload) = i.sha256 as is_same
        from outbox o
        where o.source = 'events' and o.entity = 'event'
          and o.external_id = i.external_id and o.version_key = i.version_key
        order by o.id
        limit 1
    ) first on true
    where first.is_same is not true
    order by i.place;
end
$$;

-- A caller's own table or view of these names must not be used with the owner's rights. No lock is waited for.
do $$
declare
    v_function text;
begin
    foreach v_function in array array['differing_events', 'make_outbox_leaves', 'is_outbox_leaf_needed',
                                      'empty_outbox_leaf', 'drop_outbox_leaf'] loop
        execute format('alter function %I set search_path = %I, pg_temp', v_function, current_schema());
        if v_function <> 'differing_events' then
            execute format('alter function %I set lock_timeout = ''50ms''', v_function);
            execute format('revoke execute on function %I from public', v_function);
        end if;
    end loop;
end
$$;

-- The days until `relay` begins to make them.
select make_outbox_leaves(now(), 8);
