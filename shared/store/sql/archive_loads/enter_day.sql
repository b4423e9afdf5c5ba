-- The loads of a rebuild are now those of its day.
update archive_loads set rebuild = '00000000-0000-0000-0000-000000000000' where rebuild = :rebuild
