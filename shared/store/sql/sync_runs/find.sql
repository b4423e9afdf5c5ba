-- The report, and beside it the progress of a run that is under way.
select r.*, s.* from sync_runs r left join run_stands s on s.run_id = r.id where r.id = :id
