-- The next load of a table whose attempt is not begun: those of rebuilds first, since they hold up their day.
select l.batch_id, l.rebuild, l.day, l.state, l.attempt, l.job_id, b.epoch, b.from_tx, b.to_tx, b.part, b.key, b.rows, b.bytes,
       l.was_rejected,
       not exists (select from archive_loads s where s.rebuild = l.rebuild and s.state = 'loaded') as is_first
from archive_loads l
join archive_batches b on b.id = l.batch_id
where l.table_name = :table_name and l.state = 'due' and l.next_try_at <= :now
  -- What was replaced is not loaded any more, and a day that is rebuilt gets nothing else.
  and (l.rebuild <> '00000000-0000-0000-0000-000000000000'
       or exists (select from archive_files f where f.id = l.batch_id)
          and not exists (select from archive_rebuilds r where r.table_name = l.table_name and r.day = l.day)
          and not exists (select from archive_days_to_rebuild w where w.table_name = l.table_name and w.day = l.day))
order by l.rebuild desc, l.next_try_at, l.batch_id
limit 1
