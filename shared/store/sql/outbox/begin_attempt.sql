-- Committed before the work: if it does not end, the count tells which rows to work alone. A row that
-- another worker holds is skipped, not waited for. So is one whose connection is erased.
--
-- Attempts that ended were taken back. So a row that has one already was tried in vain, which is noted.
with free as (
    select id from outbox
    where id = any(:ids) and status = 'pending'
      and source <> all(array(select name from connections where state in ('erasing', 'erased')))
    for update skip locked
),
begun as (
    update outbox o set attempts = o.attempts + 1
    from free
    where o.id = free.id and o.id = any(:ids)
    returning o.id, o.attempts, o.source, o.entity, o.external_id
),
noted as (
    insert into failed_attempts (outbox_id, failed_at, source, entity, external_id, attempts, died, error_kind, error, reason)
    select id, :now, source, entity, external_id, attempts - 1, false, 'crashed', :error, :error
    from begun
    where attempts > 1
    on conflict do nothing
)
select id from begun
