-- Dead letters of each source and reason, the most frequent first. A letter about a message that is no row has no source.
with newest as (
    select source, error_kind, reason, arrived_at, row_number() over (partition by row_key order by tx desc) as nth
    from dead_letters
    where archive_epoch = (select max(archive_epoch) from dead_letters)
)
select source, error_kind, reason, count(*) as letters, min(arrived_at) as first_at, max(arrived_at) as last_at
from newest
where nth = 1
group by 1, 2, 3
order by 4 desc, 1, 2, 3
