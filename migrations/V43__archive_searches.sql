-- People who were erased leave the files of the analytics copy too (docs/adr/0069-erasing-from-files.md).
set local lock_timeout = '300ms';

alter table archive_batches
    -- The file was searched for the erased names up to this number (erasure_settings.revision).
    add column searched bigint not null default 0,
    -- The file whose rows it has, without people who were erased since.
    add column replaces uuid,
    -- When the object of a file that was replaced was deleted.
    add column removed_at timestamptz,
    -- The key of the object that is being written in its place. It may be there, and no row has it yet.
    add column successor text;
-- A row is a file, so there are few.
-- squawk-ignore require-concurrent-index-creation
create index archive_batches_searched on archive_batches (searched) where state = 'done';
-- squawk-ignore require-concurrent-index-creation
create index archive_batches_to_remove on archive_batches (table_name) where state = 'replaced' and removed_at is null;

-- A file is read from rows that are clean, so it needs no search for names that were erased before it was planned. Two kinds do:
-- files that are planned while an erasure is at work, and those of the outbox, which has rows that process has not seen yet. And
-- one that is written again is searched if a successor was begun, whose object is deleted then.
create function archive_batches_are_clean() returns trigger
language plpgsql security definer as $$
begin
    select case when new.table_name = 'outbox' or new.successor is not null
                     or exists (select from erasures where state = 'running') then 0
                else revision end
    into strict new.searched from erasure_settings;
    return new;
end
$$;
create trigger archive_batches_are_clean before insert or update of state on archive_batches
    for each row when (new.state = 'planned') execute function archive_batches_are_clean();

-- An entry of a calendar may name a person only in what its vendor said of it, which no file has. So an entry that `erase_row`
-- has emptied becomes a name itself, by which its versions in files are found. What `process` writes has another outbox_id.
create function emptied_entry_is_erased() returns trigger
language plpgsql security definer as $$
begin
    perform add_erased_names(array['object:' || new.source || ':' || new.external_id], now());
    return null;
end
$$;
create trigger emptied_entry_is_erased after update of raw on calendar_events
    for each row when (old.raw <> '' and new.raw = '' and new.outbox_id = old.outbox_id) execute function emptied_entry_is_erased();

-- The transaction before which all rows of a table are in files of a bucket; 0 if nothing is known to be. After a restore from a
-- dump, the marks are of transactions that this cluster has not reached. With another bucket, they are of files that it lacks.
create function archived_to(p_table text, p_bucket text) returns bigint
language sql stable security definer as $$
    select coalesce((
        select least(m.to_tx, (select min(b.from_tx) from archive_batches b
                               where b.table_name = m.table_name and b.epoch = m.epoch and b.state = 'planned'))
        from archive_marks m
        join (select epoch, system_identifier, bucket from archive_epochs order by epoch desc limit 1) e on e.epoch = m.epoch
        where m.table_name = p_table and e.bucket = p_bucket and e.system_identifier = archive_system_identifier()), 0)
$$;

-- As empty_outbox_leaf of V28, of leaves whose rows are all of transactions before p_archived. That one stays for the release
-- before, which knows of no copy.
create function empty_archived_outbox_leaf(p_before timestamptz, p_archived bigint, out name text, out is_emptied boolean)
returns setof record
language plpgsql security definer as $$
declare
    v_name   text;
    v_waits  boolean;
begin
    is_emptied := false;
    for v_name in select l.name from outbox_leaves l where l.to_id <= outbox_id_at(p_before) order by l.to_id loop
        begin
            continue when pg_relation_size(format('%I', v_name)::regclass) = 0 or is_outbox_leaf_needed(v_name);
            execute format('select exists (select from only %I where tx >= $1)', v_name) into v_waits using p_archived;
            continue when v_waits;
            execute format('lock table only %I in access exclusive mode', v_name);
            -- Again, because a row may have come, or have been replayed, until the lock was there.
            execute format('select exists (select from only %I where tx >= $1)', v_name) into v_waits using p_archived;
            if not v_waits and not is_outbox_leaf_needed(v_name) then
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
alter function empty_archived_outbox_leaf set lock_timeout = '50ms';

-- A caller's own table of such a name must not be used with the owner's rights.
do $$
declare
    v_function text;
begin
    foreach v_function in array array['archive_batches_are_clean', 'emptied_entry_is_erased', 'archived_to', 'empty_archived_outbox_leaf'] loop
        execute format('alter function %I set search_path = %I, pg_temp', v_function, current_schema());
        execute format('revoke execute on function %I from public', v_function);
    end loop;
end
$$;
