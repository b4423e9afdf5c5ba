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

-- The class of last_error, if that is an error and no note.
alter table sync_runs add column error_class text;

-- Last, since it locks every leaf: the field, and when the row was last tried in vain.
alter table outbox add column error_field text, add column failed_at timestamptz;
