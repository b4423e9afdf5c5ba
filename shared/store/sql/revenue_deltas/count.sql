-- How many deltas are not folded yet. Readers walk through all of them, so they are to be few.
select count(*) as count from revenue_deltas
