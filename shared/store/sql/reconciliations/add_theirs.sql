-- Adds a page of the vendor's list to the sums by day. Ordered by the key, as all writers of
-- several rows are.
insert into reconciled_days as d (run_id, look, day, currency, status, theirs_count, theirs_sum)
select :run, :look, i.day, i.currency, i.status, i.count, i.sum::numeric
from unnest(:days, :currencies, :statuses, :counts, :sums) as i (day, currency, status, count, sum)
order by i.day, i.currency, i.status
on conflict (run_id, look, day, currency, status) do update
set theirs_count = d.theirs_count + excluded.theirs_count, theirs_sum = d.theirs_sum + excluded.theirs_sum
