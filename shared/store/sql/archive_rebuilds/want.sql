-- A person wants days rebuilt, whatever is known of them.
with planned as (
    insert into archive_rebuilds (id, table_name, day, next_try_at, planned_at)
    select gen_random_uuid(), d.table_name, d.day, :now, :now
    from (select distinct b.table_name, b.day from archive_batches b
          where b.state = 'done' and b.day between :first and :last
            and (:table_name = '' or b.table_name = :table_name)) d
    on conflict do nothing
    returning id, table_name, day
), staged as (
    insert into archive_loads (batch_id, rebuild, table_name, day, next_try_at)
    select f.id, p.id, f.table_name, f.day, :now
    from planned p join archive_files f on f.table_name = p.table_name and f.day = p.day
)
select count(*) as days from planned
