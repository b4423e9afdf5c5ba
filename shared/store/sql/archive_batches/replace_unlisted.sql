-- Files that were there when the store's list was written, and that it does not name: they were replaced in a time that a restore
-- has undone. Their objects are gone, or are to be removed.
update archive_batches b set state = 'replaced', claimed_until = null, last_error = null
where b.table_name = :table_name and b.state = 'done' and b.done_at <= :written_at
  and not exists (select from unnest(:keys) as listed (key) where listed.key = b.key)
