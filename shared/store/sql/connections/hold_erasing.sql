-- Keeps a connection that is being erased, or is erased, from being connected again until the transaction ends.
select name from connections where name = :name and state in ('erasing', 'erased') for share
