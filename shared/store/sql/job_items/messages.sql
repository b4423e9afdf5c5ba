-- The next letters of messages that a job sends again.
select i.place, d.id, d.payload from job_items i
left join dead_letters d on d.id = case when i.target = 'dead_letters' then i.key[1]::uuid end
where i.job = :job and i.state = 'waiting' and i.target = 'dead_letters'
order by i.place
limit :limit
