-- Dead letters of each source and reason that are open, the most frequent first. A letter about a message that is no row has no
-- source.
with newest as (
    select source, error_kind, reason, created_at, settled_at,
           row_number() over (partition by row_key order by archive_epoch desc, tx desc) as nth
    from dead_letters
)
select source, error_kind, reason, count(*) as letters, min(created_at) as first_at, max(created_at) as last_at
from newest
where nth = 1 and settled_at is null
group by 1, 2, 3
order by 4 desc, 1, 2, 3
