-- The newest days before $3 that differ and follow one another without a gap.
select min(day) as first, max(day) as last
from (
    select day, day + (row_number() over (order by day desc))::integer as island
    from (select distinct day from reconciled_days where run_id = $1 and look = $2 and ($3::date is null or day < $3)) d
) days
group by island
order by last desc
limit 1
