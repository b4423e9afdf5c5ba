-- A rebuild is given up, and its day is put together anew. If it has failed, a pause of minutes comes first, later of an hour.
update archive_rebuilds
set state = 'given_up', error = :error, failures = failures + (:error is not null)::integer,
    next_try_at = case when :error is null then :now
                       else :now + least(60, 2 ^ least(failures, 6)) * interval '1 minute' end
where id = :id
