-- The same, and nobody else plans for the table until the commit. It returns no row while somebody does.
select epoch, to_tx, waiting_since, revision, manifested from archive_marks where table_name = :table_name
for update skip locked
