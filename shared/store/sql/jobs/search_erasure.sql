-- The next rows of a search. It says whether the search is over.
select search_erasure(:job, :rows, :most, :now) as is_over
