-- All issues that last, and those that have ended since.
select issue, what, began_at, ended_at, is_told, told_at from digest_issues order by began_at, issue
