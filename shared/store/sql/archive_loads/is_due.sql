-- Whether there is anything to do for a table.
select exists (select from archive_loads l
               where l.table_name = :table_name and (l.state = 'running' or l.state = 'due' and l.next_try_at <= :now))
    or exists (select from archive_rebuilds r
               where r.table_name = :table_name and r.state <> 'parked' and r.next_try_at <= :now)
    or exists (select from archive_days_to_rebuild w where w.table_name = :table_name)
    or exists (select from archive_files f
               where f.table_name = :table_name
                 and not exists (select from archive_loads l
                                 where l.batch_id = f.id and l.rebuild = '00000000-0000-0000-0000-000000000000')) as is_due
