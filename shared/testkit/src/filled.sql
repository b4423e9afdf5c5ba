-- Rows of a connection in every table that has some of connections: {rows} objects of each kind, and what belongs to them.
-- Ids are those of any other connection, except where one is unique by itself.
create temporary table if not exists filled as select 0 as i where false;
truncate filled;
insert into filled select generate_series(1, {rows});
create or replace function pg_temp.id(kind text, i bigint, at timestamptz) returns uuid language sql immutable as $$
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(h, 1, 3) || '8'
            || substr(h, 4, 15))::uuid
    from md5('{source}/' || kind || '/' || i) as h
$$;
create or replace function pg_temp.at(i bigint) returns timestamptz language sql immutable as $$
    select timestamptz '2026-01-01 00:00Z' + make_interval(secs => (i * 7919) % 5000000)
$$;

insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, run_id, status,
                    next_attempt_at, received_at, processed_at)
select pg_temp.id('outbox', i, pg_temp.at(i)), '{source}', (array['charge', 'refund', 'deal', 'contact', 'event'])[1 + i % 5],
       'x_' || i, 'v_1', pg_temp.at(i), '{"id":"x"}', 'application/json', pg_temp.id('run', i % 10, pg_temp.at(i % 10)),
       case when i % 50 = 0 then 'dead' else 'processed' end, pg_temp.at(i), pg_temp.at(i), pg_temp.at(i)
from filled;

insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, native,
                      version_rank, content_hash, raw, outbox_id, updated_at)
select '{source}', (array['charge', 'refund', 'deal'])[1 + i % 3], 'x_' || i, 100 + i % 997,
       (array['USD', 'EUR', 'JPY'])[1 + i % 3], (array['collected', 'refunded', 'disputed', 'pending', 'unmapped'])[1 + i % 5],
       'raw', pg_temp.at(i), pg_temp.at(i), true, 0, i, '{"id":"x"}', pg_temp.id('outbox', i, pg_temp.at(i)), pg_temp.at(i)
from filled;
-- Sums of nothing, as payments leave them that were counted once.
update payments set status = 'failed' where source = '{source}' and external_id like 'x\_%7';

insert into contacts (source, external_id, email, version_at, native, version_rank, content_hash, raw, outbox_id, updated_at)
select '{source}', 'x_' || i, 'a' || i || '@example.com', pg_temp.at(i), true, 0, i, '', pg_temp.id('outbox', i, pg_temp.at(i)),
       pg_temp.at(i)
from filled;

insert into calendar_events (source, calendar_id, external_id, status, all_day, version_at, native, version_rank, content_hash,
                             raw, outbox_id, updated_at)
select '{source}', 'calendar_' || i % 3, 'x_' || i, case when i % 100 = 0 then 'unreadable' else 'confirmed' end, false,
       pg_temp.at(i), true, 0, i, '', pg_temp.id('outbox', i, pg_temp.at(i)), pg_temp.at(i)
from filled;

insert into refetch_requests (source, entity, external_id, requested_at, next_send_at)
select '{source}', (array['charge', 'refund'])[1 + i % 2], 'x_' || i, pg_temp.at(i), pg_temp.at(i) from filled where i % 3 = 0;

insert into not_ours (outbox_id, source, reason, noted_at)
select pg_temp.id('outbox', i, pg_temp.at(i)), '{source}', (array['test_mode', 'connected_account'])[1 + i % 2],
       pg_temp.at(i % 20)
from filled where i % 3 = 1;

insert into dead_letters (id, source, entity, external_id, outbox_id, payload, error, error_kind, attempts, created_at)
select pg_temp.id('letter', i, pg_temp.at(i)), '{source}', 'charge', 'x_' || i, pg_temp.id('outbox', i, pg_temp.at(i)), 'body',
       'e', 'invalid', 1, pg_temp.at(i)
from filled where i % 10 = 0;

insert into sync_state (source, entity, mode, watermark, cursor, lease_until, fence, updated_at, run_id)
select '{source}', e, m, pg_temp.at(1), 'cursor_1', '-infinity', 7, pg_temp.at(1),
       case when m = 'full' then pg_temp.id('run', 1, pg_temp.at(1)) end
from unnest(array['charge', 'refund', 'contact', 'event']) as e, unnest(array['full', 'incremental', 'reconcile', 'object']) as m;
insert into sync_windows (source, entity, mode, run_id, number, window_to)
select source, entity, mode, run_id, n, pg_temp.at(n)
from sync_state, generate_series(1, 3) as n
where source = '{source}' and mode = 'full';
insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, finished_at)
select pg_temp.id('run', i, pg_temp.at(i)), '{source}', (array['charge', 'refund', 'contact', 'event'])[1 + i % 4],
       (array['full', 'incremental', 'reconcile'])[1 + i % 3], (array['succeeded', 'failed'])[1 + i % 2], pg_temp.at(i % 30),
       pg_temp.at(i), pg_temp.at(i)
from filled where i % 4 = 0;
insert into run_requests (id, source, mode, entities, requested_at)
select pg_temp.id('request', i, pg_temp.at(i)), '{source}', (array['full', 'incremental'])[1 + i % 2], '{charge}', pg_temp.at(i)
from filled where i % 10 = 0;
insert into reconciliations (run_id, phase, look)
select id, 'ended', 1 from sync_runs where source = '{source}' and mode = 'reconcile';
insert into reconciled_days (run_id, look, day, currency, status)
select id, 1, date '2026-01-01' + n, 'USD', 'collected'
from sync_runs, generate_series(1, 3) as n where source = '{source}' and mode = 'reconcile';

insert into push_channels (source, channel_id, scope, resource_id, address, opened_at, expires_at)
values ('{source}', 'channel_1', 'calendar_1', 'r', 'https://example.com', pg_temp.at(1), pg_temp.at(2));
insert into vendor_accounts (source, livemode, currency, asked_at) values ('{source}', true, 'USD', pg_temp.at(1));
insert into held_sweeps (source, entity, run_id, unseen, accounted, held_at)
values ('{source}', 'deal', pg_temp.id('run', 1, pg_temp.at(1)), 10, 20, pg_temp.at(1));
