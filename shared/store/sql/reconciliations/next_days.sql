-- The newest days before `before` that differ and follow one another without a gap: they are listed
-- in one window.
select min(day) as first, max(day) as last
from (
    select day, day + (row_number() over (order by day desc))::integer as island
    from (
        select distinct day from reconciled_days
        where run_id = :run and look = :look and (:before::date is null or day < :before)
    ) d
) days
group by island
order by last desc
limit 1
