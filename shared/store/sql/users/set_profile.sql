-- Sets the name and the picture that a person gives; each is left as it is unless it is given.
update users
set name = coalesce(:name, name), image = case when :sets_image then :image else image end, updated_at = :now
where id = :id
