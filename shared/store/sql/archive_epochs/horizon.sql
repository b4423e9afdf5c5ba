-- The transaction before which all are over: their rows are there, or never will be.
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon
