-- Begins the search: by an address, a user, an object of a connection, or all who were erased before.
select plan_erasure(:job, :email, :user, :connection, :external_id, :everybody)
