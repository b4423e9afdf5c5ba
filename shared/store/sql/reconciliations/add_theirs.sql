-- Adds what a page of the vendor's list holds.
insert into reconciled_days as d (run_id, look, day, currency, status, theirs_count, theirs_sum)
select $1, $2, i.day, i.currency, i.status, i.count, i.sum::numeric
from unnest($3, $4, $5, $6, $7) as i (day, currency, status, count, sum)
order by i.day, i.currency, i.status
on conflict (run_id, look, day, currency, status) do update
set theirs_count = d.theirs_count + excluded.theirs_count, theirs_sum = d.theirs_sum + excluded.theirs_sum
