-- What an erasure needs next: search, wait, or nothing.
select advance_erasure(:job, :now) as next
