-- Equal days are settled: only those that differ are read again.
delete from reconciled_days
where run_id = :run and look = :look and theirs_count = ours_count and theirs_sum = ours_sum
