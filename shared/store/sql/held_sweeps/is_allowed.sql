-- Whether a person has let the sweep through.
select exists (
    select from held_sweeps where source = :source and entity = :entity and allowed_at is not null
) as is_allowed
