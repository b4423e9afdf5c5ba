-- Writes down what became of a sending that was claimed.
update digest_sendings set state = :state, next_try_at = :next_try_at, error = :error
where digest_id = :digest_id and channel = :channel and state = 'sending'
