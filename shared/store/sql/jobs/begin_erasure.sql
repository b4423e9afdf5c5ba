-- The names are known to all writers from the commit on.
select begin_erasure(:job, :now)
