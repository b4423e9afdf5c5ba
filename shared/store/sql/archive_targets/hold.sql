-- Holds the row of a table, and returns it as it was. A table that is new has nothing in this target yet.
insert into archive_targets as t (table_name, target) values (:table_name, :target)
on conflict (table_name) do update set target = t.target
returning target, made, rests_until
