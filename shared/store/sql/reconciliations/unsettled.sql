-- The two sides are compared again only when everything that was mended is processed.
select exists (select from outbox where run_id = :run and status = 'pending') as is_unsettled
