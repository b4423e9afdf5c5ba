-- The row of a connection that the template declares, which says from now on in which state it is.
insert into connections (name, source, state, made_at, changed_at)
values (:name, :source, 'active', :now, :now)
on conflict (name) do nothing
