-- The bytes of a table, or of all leaves of one that has partitions.
select sum(pg_relation_size(relid))::float8 as heap,
       sum(pg_indexes_size(relid))::float8 as indexes,
       sum(pg_total_relation_size(relid) - pg_relation_size(relid) - pg_indexes_size(relid))::float8 as toast
from (
    select $1::text::regclass as relid
    union all
    select inhrelid from pg_inherits where inhparent = $1::text::regclass
) tables
