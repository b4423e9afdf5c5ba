-- A process is known to have died while it worked on this row alone.
update outbox set crashes = crashes + 1
where id = :id and status = 'pending'
