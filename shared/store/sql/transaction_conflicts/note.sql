-- A word of the third party against a final state. The same word again counts.
insert into transaction_conflicts as c (transaction_id, said, cause, status, first_at, last_at)
values (:id, :said, :cause, :status, :now, :now)
on conflict (transaction_id, said) do update set times = c.times + 1, last_at = :now
