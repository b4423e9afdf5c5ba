-- Windows of history that a run pages side by side (docs/adr/0023).

-- One row a window that is open: cut off the history by a run, and not drained yet.
create table sync_windows (
    source      text        not null,
    entity      text        not null,
    mode        text        not null,
    run_id      uuid        not null,
    number      integer     not null,                   -- in the order they were opened
    window_from timestamptz,                            -- these three as in sync_state
    window_to   timestamptz not null,
    page_token  text,
    primary key (source, entity, mode, number)
);

-- No run ends, and none takes its place, while a window of it is open: whoever tries has forgotten it.
alter table sync_state add constraint sync_state_run unique (source, entity, mode, run_id);
alter table sync_windows add foreign key (source, entity, mode, run_id) references sync_state (source, entity, mode, run_id);

-- Whether the windows reach back to where the history begins: what is left of the run is they.
alter table sync_state add column windows_complete boolean not null default false;

-- Where each run under way stands.
create view run_stands as
select s.run_id, s.upper_bound, s.window_to, s.windows_complete, w.open_to, w.open_ms,
       -- The day of the oldest movement of money, once a full run has ended well.
       (select min(bucket_start) at time zone 'UTC' from revenue_buckets
         where grain = 'day' and source = s.source and s.watermark is not null) as oldest,
       -- What the run before it has seen.
       (select b.rows_seen from sync_runs b
         where b.source = s.source and b.entity = s.entity and b.mode = s.mode and b.status = 'succeeded'
         order by b.started_at desc limit 1) as rows_before
  from sync_state s
 cross join lateral (select max(o.window_to) as open_to,
                            coalesce(extract(epoch from sum(o.window_to - o.window_from)) * 1000, 0)::int8 as open_ms
                       from sync_windows o where (o.source, o.entity, o.mode) = (s.source, s.entity, s.mode)) w
 where s.run_id is not null;
