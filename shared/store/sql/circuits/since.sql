-- The services that do not answer, each since when.
select source, since from circuits order by source
