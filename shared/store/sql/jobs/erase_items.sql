-- The next items behind a place.
select looked_at, last from erase_items(:job, :after, :items, :now)
