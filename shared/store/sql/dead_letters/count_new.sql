-- Reads a range of the index dead_letters_newest.
select count(*) as letters from dead_letters where created_at >= :from and created_at < :until
