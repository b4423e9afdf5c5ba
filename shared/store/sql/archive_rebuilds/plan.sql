-- Plans the rebuild of a day of a table that has one to rebuild, or whose rebuild was given up, with the files that count now.
-- While the newest epoch still writes files of the day, it waits.
with wanted as (
    select w.day
    from (select d.day from archive_days_to_rebuild d where d.table_name = :table_name
          union
          select g.day from archive_rebuilds g where g.table_name = :table_name and g.state = 'given_up') w
    where not exists (select from archive_rebuilds r
                      where r.table_name = :table_name and r.day = w.day and (r.state <> 'given_up' or r.next_try_at > :now))
      and not exists (select from archive_loads l where l.table_name = :table_name and l.day = w.day and l.state = 'running')
      and not exists (select from archive_batches b
                      where b.table_name = :table_name and b.day = w.day and b.state = 'planned'
                        and b.epoch > (select max(o.epoch) from archive_batches o join archive_loads l on l.batch_id = o.id
                                       where l.table_name = :table_name and l.day = w.day and l.state = 'loaded'))
    order by w.day desc
    limit 1
), planned as (
    insert into archive_rebuilds (id, table_name, day, next_try_at, planned_at)
    select :id, :table_name, w.day, :now, :now from wanted w
    on conflict (table_name, day) do update
        set id = excluded.id, state = 'staging', attempt = 1, job_id = null, next_try_at = excluded.next_try_at,
            planned_at = excluded.planned_at
        where archive_rebuilds.state = 'given_up'
    returning id, day
), staged as (
    insert into archive_loads (batch_id, rebuild, table_name, day, next_try_at)
    select f.id, p.id, f.table_name, f.day, :now
    from planned p join archive_files f on f.table_name = :table_name and f.day = p.day
    returning batch_id
)
select p.day, (select count(*) from staged) as files from planned p
