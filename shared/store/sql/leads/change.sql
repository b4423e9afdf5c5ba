-- Sets the fields that are to be set, and notes each that differs. The lead is locked first: two changes come one after the
-- other, and the second one notes what the first one has made.
with held as (
    select id, status, assigned_to, revision,
           :revision::bigint is null or revision = :revision as is_expected,
           case when :sets_status then :status else status end as new_status,
           case when :sets_assigned_to then :assigned_to else assigned_to end as new_assigned_to
    from leads
    where id = :id
    for no key update
),
noted as (
    insert into lead_changes (lead_id, revision, field, old_value, new_value, changed_by, changed_at)
    select held.id, revision + 1, i.field, i.old_value, i.new_value, :changed_by, :now
    from held, lateral (values ('status', status, new_status), ('assigned_to', assigned_to, new_assigned_to))
               as i (field, old_value, new_value)
    where is_expected and i.old_value is distinct from i.new_value
    returning field
),
changed as (
    update leads
    set status = new_status, assigned_to = new_assigned_to, revision = leads.revision + 1, updated_at = :now,
        tx = pg_current_xact_id()::text::bigint
    from held
    where leads.id = held.id and is_expected
      and (held.status, held.assigned_to) is distinct from (new_status, new_assigned_to)
    returning leads.revision
)
select is_expected, new_status, new_assigned_to, coalesce((select revision from changed), revision) as revision,
       (select count(*) from noted) as changes
from held
