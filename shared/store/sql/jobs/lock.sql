-- The job, if it still runs. Who pauses or stops it waits for the step that is under way.
select id from jobs where id = :job and state = 'running' for no key update
