-- Ends a job of which nothing is left to do.
update jobs j set state = 'completed', ended_at = :now
where j.id = :job and j.state = 'running'
  and not exists (select from job_items where job = :job and state = 'waiting')
  and not exists (select from job_items where job = :job and state = 'sent')
returning j.id
