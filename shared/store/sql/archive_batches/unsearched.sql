-- The files that were not searched for all names that were erased, and those that were replaced and are still there.
select (select count(*) from archive_batches b cross join erasure_settings s
        where b.state = 'done' and b.searched < s.revision) as unsearched,
       (select count(*) from archive_batches where state = 'replaced' and removed_at is null) as unremoved
