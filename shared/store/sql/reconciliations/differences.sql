-- The sums as text: numeric has no width, and the report passes them on as they are.
select day, currency, status, theirs_count, theirs_sum::text as theirs_sum, ours_count, ours_sum::text as ours_sum
from reconciled_days
where run_id = :run and look = :look
order by day desc, currency, status
limit :limit
