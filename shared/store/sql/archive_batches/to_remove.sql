-- Files that were replaced and whose objects are still there. The list in the store names their successors by now.
select b.id, b.key
from archive_batches b join archive_marks m on m.table_name = b.table_name
where b.state = 'replaced' and b.removed_at is null and m.manifested = m.revision
order by b.table_name, b.key
limit :limit
