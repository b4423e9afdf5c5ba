-- A rebuild has ended, or is given up.
delete from archive_rebuilds where id = :id
