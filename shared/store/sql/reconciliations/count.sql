-- How far the two sides are apart: this decides whether the run looks again.
select count(*) as count from reconciled_days where run_id = :run and look = :look
