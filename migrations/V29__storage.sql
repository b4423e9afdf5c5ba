-- How rows are stored, by measurement (docs/adr/0053-bytes.md). No row is rewritten: what is set here holds for rows to come.
-- Nine tables are locked for a moment, one after the other: all together hold up nobody for a second.
set local lock_timeout = '100ms';

-- Large values are compressed by lz4 where the server has it. It takes a fraction of the time of pglz. Leaves to come copy
-- it from the outbox.
do $$
declare
    v_column record;
begin
    if not exists (select from pg_settings where name = 'default_toast_compression' and 'lz4' = any (enumvals)) then
        raise notice 'this server has no lz4: large values are compressed by pglz';
        return;
    end if;
    -- In the order in which process locks them.
    for v_column in
        select large.*
        from (select 1 as place, 'outbox' as name, 'payload' as what
              union all select 2, name, 'payload' from outbox_leaves
              union all values (3, 'payments', 'raw'), (4, 'contacts', 'raw'), (5, 'calendar_events', 'raw'),
                               (6, 'leads', 'body'), (7, 'events', 'payload'), (8, 'conflicting_events', 'body'),
                               (9, 'dead_letters', 'payload')) large
        order by place, name
    loop
        execute format('alter table %I alter column %I set compression lz4', v_column.name, v_column.what);
    end loop;
end
$$;

-- A claim rewrites its row. A payload that is large enough to be compressed lies outside it, so that no claim copies it.
-- Storage settings are not inherited: each leaf has its own.
create function set_outbox_storage(p_leaf text) returns void
language plpgsql as $$
begin
    execute format('alter table %I set (toast_tuple_target = 256, autovacuum_vacuum_scale_factor = 0.05)', p_leaf);
end
$$;
revoke execute on function set_outbox_storage from public;
select set_outbox_storage(name) from outbox_leaves order by from_id nulls first;

-- As in V28, with the storage of a leaf.
create or replace function make_outbox_leaves(p_now timestamptz, p_days integer) returns integer
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
do $$
begin
    execute format('alter function make_outbox_leaves set search_path = %I, pg_temp', current_schema());
    alter function make_outbox_leaves set lock_timeout = '50ms';
end
$$;
