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

-- The leaf that was there before V28 made others.
select set_outbox_storage(name) from outbox_leaves where name = 'outbox_before';
