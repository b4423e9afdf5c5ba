-- The jobs that are worked, those first that have waited longest.
select id, kind, rate, ran_at from jobs
where state = 'running'
order by ran_at nulls first, started_at
limit :limit
