-- A person wants the daily digest of a day again, where it is not known to be sent.
update digest_sendings s set state = 'planned', attempts = 0, next_try_at = :now, error = null
from digests d
where d.id = s.digest_id and d.kind = 'daily' and d.day = :day and d.zone = :zone and s.state in ('refused', 'unsure')
