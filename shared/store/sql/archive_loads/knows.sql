-- Whether any row of the table can be in BigQuery by an attempt of ours.
select exists (select from archive_loads
               where table_name = :table_name and state in ('running', 'loaded')
                 and rebuild = '00000000-0000-0000-0000-000000000000') as knows
