-- In the transaction that ends the run: a report never claims a success that was rolled back.
update sync_runs set status = 'succeeded', finished_at = :now, updated_at = :now, cursor_after = :cursor
where id = :id
