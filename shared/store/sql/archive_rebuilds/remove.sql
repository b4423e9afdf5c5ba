-- A rebuild has ended.
delete from archive_rebuilds where id = :id
