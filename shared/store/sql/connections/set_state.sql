-- Sets the state of connections that the transaction has locked.
update connections
set state = :state, revision = revision + 1, changed_at = :now
where name = any(:names)
