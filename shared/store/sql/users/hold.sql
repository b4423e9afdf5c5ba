-- What a change of an account depends on, locked until the transaction ends.
select email, role, disabled_at from users where id = :id for update
