-- The rows that need tickets.
select put_back_to_work as id from put_back_to_work(:job, :kind, :ids, :now)
