-- Loads of files that were replaced before any attempt has succeeded. What runs is waited for.
delete from archive_loads l
where l.table_name = :table_name and l.state in ('due', 'parked') and l.rebuild = '00000000-0000-0000-0000-000000000000'
  and exists (select from archive_outdated_loads o where o.batch_id = l.batch_id and o.rebuild = l.rebuild)
