-- Of each table the transaction before which all rows are in files of the bucket.
select t.table_name, archived_to(t.table_name, :bucket) as to_tx
from unnest(:tables::text[]) as t (table_name)
