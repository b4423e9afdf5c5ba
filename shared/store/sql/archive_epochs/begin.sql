-- A new life of the database: everything is copied once more. Files that were planned in the one before are not written, and files
-- of another bucket are forgotten. It returns no row if another call has begun it.
with begun as (
    insert into archive_epochs (epoch, system_identifier, bucket, why, began_at)
    values (:epoch, archive_system_identifier(), :bucket, :why, :now)
    on conflict (epoch) do nothing
    returning epoch
),
forgotten as (
    delete from archive_batches b using begun
    where b.state = 'planned' or :bucket <> (select e.bucket from archive_epochs e order by e.epoch desc limit 1)
),
marked as (
    insert into archive_marks as m (table_name, epoch, to_tx, revision, manifested)
    select table_name, begun.epoch, 0, :revision + 1, 0
    from begun, unnest(:tables::text[]) as table_name
    order by table_name
    on conflict (table_name) do update
    set epoch = excluded.epoch, to_tx = 0, waiting_since = null, revision = greatest(m.revision, :revision) + 1
)
select epoch from begun
