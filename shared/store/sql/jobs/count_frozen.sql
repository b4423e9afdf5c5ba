-- Says of a job that is planned how many items it has, and from where another goes on.
update jobs
set items = (select count(*) from job_items where job = :job), is_capped = :continue_at::text is not null, continue_at = :continue_at
where id = :job
returning items
