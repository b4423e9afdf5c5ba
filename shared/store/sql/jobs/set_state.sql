-- Pauses, resumes or stops a job that is in one of these states.
update jobs set state = :state, ended_at = case when :state = 'stopped' then :now::timestamptz end
where id = :job and state = any(:from)
returning id
