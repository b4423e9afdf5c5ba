-- Failures by class (docs/adr/0059-failures-by-class.md). A class follows from a kind, so it is not stored beside it,
-- except for runs, whose errors have no kind. Functions of the release before leave these columns null.

-- The class of a kind of reason: what has to happen before the work can succeed.
create function failure_class(error_kind text) returns text language sql immutable parallel safe
return case
    when error_kind in ('waiting', 'fetch_failed') then 'dependency'
    when error_kind = 'blocked' then 'transient'
    when error_kind is not null then 'permanent'
end;

-- The field to blame, as a JSON pointer into the payload.
alter table dead_letters add column error_field text;
alter table failed_attempts add column error_field text;

-- The class of last_error, if that is an error and no note.
alter table sync_runs add column error_class text;

-- As in V32, with class and field.
create or replace view failures as
select d.id, d.outbox_id, d.message_id, d.run_id, d.source, d.entity, d.external_id, d.error_kind, d.error,
       coalesce(d.reason, reason_of(d.error)) as reason, d.attempts, d.created_at as failed_at, d.replayed_at, d.replay_count,
       failure_class(d.error_kind) as error_class, d.error_field
from dead_letters d
where d.settled_at is null
  and (d.replayed_at is null or d.outbox_id is null
       or (select o.status from outbox o where o.id = d.outbox_id) in ('pending', 'dead'))
union all
select f.outbox_id, f.outbox_id, null, null, f.source, f.entity, f.external_id, f.error_kind, f.error,
       f.reason, f.attempts, f.failed_at, null, 0, failure_class(f.error_kind), f.error_field
from failed_attempts f
where not f.died
  and not exists (select from failed_attempts l where l.outbox_id = f.outbox_id and l.failed_at > f.failed_at)
  and not exists (select from dead_letters d where d.outbox_id = f.outbox_id)
  and (select o.status from outbox o where o.id = f.outbox_id) = 'pending';

-- Last, since it locks every leaf.
alter table outbox add column error_field text;
