-- Since when rows wait to be copied, or files to be written, whichever is longer. It returns one row.
select least((select min(waiting_since) from archive_marks),
             (select min(planned_at) from archive_batches where state = 'planned')) as since
