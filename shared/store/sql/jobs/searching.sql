-- The erasures whose rows are still looked for, the oldest first.
select id from jobs where state = 'searching' order by planned_at limit :limit
