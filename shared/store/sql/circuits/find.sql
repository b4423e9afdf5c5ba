-- The open circuit of a connection, if there is one.
select source, failures, since, rests_until, why
from circuits
where source = :source
