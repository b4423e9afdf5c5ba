-- The newest changes of a lead.
select field, old_value, new_value, changed_by, changed_at
from lead_changes
where lead_id = :lead_id
order by revision desc, field
limit :limit
