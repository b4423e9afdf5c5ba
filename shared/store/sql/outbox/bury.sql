-- Marks rows dead, notes the attempts and writes their dead letters. A row that died before, was replayed and died
-- again keeps its letter, with the newest reason.
with doomed as (
    select *
    from unnest(:letter_ids, :ids, :errors, :error_kinds, :error_fields) as d (letter_id, outbox_id, error, error_kind, error_field)
),
dead as (
    update outbox o
    set status = 'dead', processed_at = null, last_error = d.error, error_kind = d.error_kind, error_field = d.error_field
    from doomed d
    where o.id = d.outbox_id and o.id = any(:ids)
      -- A row that another worker has processed meanwhile is not dead; one that this transaction
      -- claimed may be.
      and (o.status = 'pending' or o.processed_at = :now)
    returning d.letter_id, o.source, o.entity, o.external_id, o.id, o.payload, d.error, d.error_kind,
              d.error_field, o.attempts, o.run_id
),
noted as (
    insert into failed_attempts (outbox_id, failed_at, source, entity, external_id, attempts, died, error_kind, error_field,
                                 error, reason)
    select id, :now, source, entity, external_id, attempts, true, error_kind, error_field, error, reason_of(error)
    from dead
    on conflict do nothing
)
insert into dead_letters as l (id, source, entity, external_id, outbox_id, payload, error, error_kind, error_field, reason,
                          attempts, run_id, created_at)
select letter_id, source, entity, external_id, id, payload, error, error_kind, error_field, reason_of(error), attempts, run_id, :now
from dead
on conflict (outbox_id) where outbox_id is not null do update
set error = excluded.error, error_kind = excluded.error_kind, error_field = excluded.error_field,
    reason = excluded.reason, attempts = excluded.attempts,
    created_at = greatest(l.created_at, excluded.created_at), settled_at = null, tx = excluded.tx
