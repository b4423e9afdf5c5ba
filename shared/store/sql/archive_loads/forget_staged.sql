-- The loads of a rebuild that is given up. Their ids name it, so no other load gets them.
delete from archive_loads where rebuild = :rebuild
