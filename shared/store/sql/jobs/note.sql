-- Up to when the job's rate is used.
update jobs set ran_at = :now where id = :job
