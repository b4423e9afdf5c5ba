-- The connections whose vendor does not answer, each since when.
select source, since from circuits order by source
