-- The job at work that has the same filter.
select at_work.id from jobs planned
join jobs at_work on at_work.kind = planned.kind and at_work.fingerprint = planned.fingerprint
                 and at_work.state in ('running', 'paused')
where planned.id = :job
