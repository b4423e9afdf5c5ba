-- A function, because it writes what its caller may not (migrations/V25__revenue_without_a_lock.sql). To be called
-- outside a transaction: whoever calls it must not hold the folding up.
select fold_revenue_deltas(:most) as folded
