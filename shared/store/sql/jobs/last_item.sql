-- The place of a job's last item, as text for the next job.
select to_jsonb(array[target] || key)::text as position from job_items
where job = :job
order by place desc
limit 1
