-- Nothing of the connection is left but its name, and the account that it was: an account that is erased does not become
-- a connection again by itself.
update connections
set state = 'erased', settings = '{}', key_secret = null, signing_secret = null, revision = revision + 1,
    changing_until = null, changed_at = :now
where name = :name and state = 'erasing' and changed_at <= :begun_before
returning name
