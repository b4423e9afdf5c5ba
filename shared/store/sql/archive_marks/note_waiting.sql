-- Notes since when rows wait to be copied; null if none does.
update archive_marks set waiting_since = :since
where table_name = :table_name and epoch = :epoch and to_tx = :to_tx and waiting_since is distinct from :since
