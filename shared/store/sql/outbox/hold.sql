-- Gives claimed rows back: they wait until it is known whose they are. A row is tried again after as
-- long as it has waited, 5 minutes at least and an hour at most, and no attempt is counted.
update outbox o
set status = 'pending', processed_at = null, error_kind = 'waiting', last_error = h.reason, error_field = null,
    next_attempt_at = :now + least(greatest(:now - o.received_at, interval '5 minutes'), interval '1 hour')
from unnest(:ids, :reasons) as h (id, reason)
where o.id = h.id and o.id = any(:ids)
