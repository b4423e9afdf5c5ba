-- Ends a claim. What is still left over is deleted with the next change.
update connections
set changing_until = null, leftover = :leftover
where name = :name and changing_until = :claim
