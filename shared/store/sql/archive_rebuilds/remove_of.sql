-- The table is not there any more: no day of it is rebuilt. Ids of staged loads name their rebuild, so no other load gets them.
with gone as (delete from archive_rebuilds where table_name = :table_name returning id)
delete from archive_loads l using gone g where l.rebuild = g.id
