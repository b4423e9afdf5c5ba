-- What BigQuery holds of the analytics copy (docs/adr/0068-bigquery.md). `load` writes these tables, and reads the batches.
set local lock_timeout = '300ms';

-- One row a copied table. Whoever decides what is loaded next holds the row.
create table archive_targets (
    table_name  text        primary key,
    target      text        not null,                   -- the project and dataset that the rows are loaded into
    made        integer     not null default 0,         -- counts how often the table was found gone, and was made
    rests_until timestamptz,                            -- nothing is loaded into it before
    error       text                                    -- why the whole table rests
);

-- One row a file that is in its table's partition, or is to get there. The same file is loaded once more for a rebuild of its
-- day. No foreign key: a batch that is gone is a day to rebuild.
create table archive_loads (
    batch_id    uuid        not null,
    rebuild     uuid        not null default '00000000-0000-0000-0000-000000000000', -- that: it is appended
    table_name  text        not null,
    day         date        not null,
    state       text        not null default 'due' check (state in ('due', 'running', 'loaded', 'parked')),
    attempt     integer     not null default 1,
    job_id      text,                                   -- of the last attempt that was begun; no id is used twice
    next_try_at timestamptz not null,
    was_rejected boolean    not null default false,     -- BigQuery has not taken the file in the attempt before
    error       text,
    rows        bigint,                                 -- as BigQuery counts them
    begun_at    timestamptz,
    loaded_at   timestamptz,
    primary key (batch_id, rebuild),
    check (state not in ('running', 'loaded') or job_id is not null),
    check ((state = 'loaded') = (loaded_at is not null))
);
create index archive_loads_of_day on archive_loads (table_name, day);
create index archive_loads_open on archive_loads (table_name) where state <> 'loaded';

-- Days whose partitions are replaced as a whole: a file was rewritten, or another epoch has begun. The files of the
-- day are loaded into a table of its own, which one job then copies over the partition.
create table archive_rebuilds (
    id          uuid        primary key,
    table_name  text        not null,
    day         date        not null,
    state       text        not null default 'staging' check (state in ('staging', 'copying', 'parked', 'given_up')),
    attempt     integer     not null default 1,
    job_id      text,                                   -- of the copy
    failures    integer     not null default 0,         -- how often it has failed and was given up: the pause grows with it
    next_try_at timestamptz not null,
    error       text,
    planned_at  timestamptz not null,
    unique (table_name, day),
    check (state <> 'copying' or job_id is not null)
);

-- The files that count, as manifests list them. Those of earlier epochs have rows that retention had deleted before the newest
-- one began. Those without rows are left out, because there is nothing of them to load.
create view archive_files as
select b.id, b.table_name, b.epoch, b.from_tx, b.to_tx, b.day, b.part, b.key, b.rows, b.bytes, b.done_at
from archive_batches b
where b.state = 'done' and b.rows > 0;

-- Loads of files that do not count, and never will again. One that is planned is written once more, and counts then.
create view archive_outdated_loads as
select l.batch_id, l.rebuild, l.table_name, l.day, l.state
from archive_loads l left join archive_batches b on b.id = l.batch_id
where b.id is null or b.state = 'replaced';

-- Days that hold rows of such files. And days that an epoch has copied again, until they have a file of it: before the database
-- was restored, BigQuery may have got rows that it does not know of any more.
create view archive_days_to_rebuild as
select l.table_name, l.day
from archive_outdated_loads l
where l.rebuild = '00000000-0000-0000-0000-000000000000' and l.state = 'loaded'
union
select f.table_name, f.day
from archive_files f join archive_epochs e on e.epoch = f.epoch
where f.epoch > 1 and f.day <= (e.began_at at time zone 'UTC')::date
  and not exists (select from archive_loads l join archive_batches b on b.id = l.batch_id
                  where l.table_name = f.table_name and l.day = f.day and l.state = 'loaded' and b.epoch = f.epoch
                    and l.rebuild = '00000000-0000-0000-0000-000000000000');
