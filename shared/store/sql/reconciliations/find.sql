-- A run that is resumed goes on in the phase in which it was left.
select phase, look, mend_key, mended_at from reconciliations where run_id = :run
