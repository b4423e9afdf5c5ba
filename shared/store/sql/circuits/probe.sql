-- Claims the one try after a rest: until :until nobody else tries. It returns no row while the connection rests, or if
-- somebody else tries.
update circuits set rests_until = :until
where source = :source and rests_until <= :now
returning failures
