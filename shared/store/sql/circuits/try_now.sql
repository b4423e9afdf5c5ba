-- A person does not wait for the end of a rest.
update circuits set rests_until = :now where source = :source and rests_until > :now
