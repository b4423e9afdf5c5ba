-- The two halves of the view failures, each of one table. A list of the newest failures reads a few rows of the index of each:
-- through the union of both Postgres would sort them all.
set local lock_timeout = '300ms';

-- Dead rows, and messages that never became rows.
create view open_letters as
select d.id, d.outbox_id, d.message_id, d.run_id, d.source, d.entity, d.external_id, d.error_kind, d.error,
       coalesce(d.reason, reason_of(d.error)) as reason, d.attempts, d.created_at as failed_at, d.replayed_at, d.replay_count,
       failure_class(d.error_kind) as error_class, d.error_field
from dead_letters d
where d.settled_at is null
  and (d.replayed_at is null or d.outbox_id is null
       or (select o.status from outbox o where o.id = d.outbox_id) in ('pending', 'dead'));

-- Rows that are tried in vain.
create view tried_in_vain as
select f.outbox_id as id, f.outbox_id, null::text as message_id, null::uuid as run_id, f.source, f.entity, f.external_id,
       f.error_kind, f.error, f.reason, f.attempts, f.failed_at, null::timestamptz as replayed_at, 0 as replay_count,
       failure_class(f.error_kind) as error_class, f.error_field
from failed_attempts f
where not f.died
  and not exists (select from failed_attempts l where l.outbox_id = f.outbox_id and l.failed_at > f.failed_at)
  and not exists (select from dead_letters d where d.outbox_id = f.outbox_id)
  and (select o.status from outbox o where o.id = f.outbox_id) = 'pending';

create or replace view failures as
select id, outbox_id, message_id, run_id, source, entity, external_id, error_kind, error, reason, attempts, failed_at, replayed_at,
       replay_count, error_class, error_field
from open_letters
union all
select id, outbox_id, message_id, run_id, source, entity, external_id, error_kind, error, reason, attempts, failed_at, replayed_at,
       replay_count, error_class, error_field
from tried_in_vain;
