-- What waits: files that count and are not loaded, since when the oldest of them does, and what a person has to look at.
select (select count(*) from archive_files f
        where not exists (select from archive_loads l
                          where l.batch_id = f.id and l.state = 'loaded'
                            and l.rebuild = '00000000-0000-0000-0000-000000000000')) as waiting,
       (select min(f.done_at) from archive_files f
        where not exists (select from archive_loads l
                          where l.batch_id = f.id and l.state = 'loaded'
                            and l.rebuild = '00000000-0000-0000-0000-000000000000')) as oldest,
       (select count(*) from archive_loads where state = 'parked')
           + (select count(*) from archive_rebuilds where state = 'parked')
           + (select count(*) from archive_targets where error is not null) as parked
