-- Claims one sending, before the request. Of several who try, one gets it.
update digest_sendings set state = 'sending', attempts = attempts + 1, tried_at = :now
where digest_id = :digest_id and channel = :channel and state = 'planned' and next_try_at <= :now
