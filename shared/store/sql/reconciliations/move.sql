-- In the transaction of the page that leads to the next phase: a crash repeats the page, not the
-- phase.
update reconciliations set phase = :phase, look = :look, mend_key = :mend_key, mended_at = :mended_at
where run_id = :run
