-- The items of a job by outcome. A job has 100,000 at most.
select state, reason, count(*) as count from job_items where job = :job
group by state, reason
order by state, count(*) desc, reason
limit :limit
