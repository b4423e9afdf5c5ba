-- Rows of the cluster before, after a restore from a dump: the next window takes them.
select archive_adopt(:table_name, :limit) as adopted
