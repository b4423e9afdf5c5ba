-- Sums payments as they are at this moment: on all days, or at a later look on the days that
-- differed at the one before.
insert into reconciled_days (run_id, look, day, currency, status, ours_count, ours_sum)
select :run, :look, (p.occurred_at at time zone 'UTC')::date as day, p.currency, p.status,
       count(*), sum(p.amount)
from payments p
where p.source = :source and p.kind = :kind and p.occurred_at <= :upper_bound and p.raw_status <> 'vanished' and p.status <> 'unreadable'
  -- The lists show no object of a connected account.
  and p.account is null
  and (:look = 1 or (p.occurred_at at time zone 'UTC')::date in (
           select day from reconciled_days where run_id = :run and look = :look - 1))
group by 3, 4, 5
order by 3, 4, 5
on conflict (run_id, look, day, currency, status) do update
set ours_count = excluded.ours_count, ours_sum = excluded.ours_sum
