-- Starts a planned job. One that was started before stays as it is.
update jobs set state = 'running', rate = :rate, why = :why, asked_by = :asked_by, started_at = :now
where id = :job and kind = :kind and state = 'planned' and planned_at > :planned_after
returning id
