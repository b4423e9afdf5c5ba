-- Written by `make generate` from shared/domain/src/analytics. It makes the tables of the analytics copy readable in DuckDB, as
-- views over the files that their manifests name, of all epochs. Say where the copy is, and then read this file:
--
--   set variable archive = 's3://BUCKET';    -- or a folder that holds a copy of it
--   .read infra/analytics/duckdb.sql
--
-- The files are those of the moment at which this is read. Read it again to see newer ones.
set TimeZone = 'UTC';

set variable events_files = (
    select coalesce(list(getvariable('archive') || '/' || file.key), [])
    from (select unnest(list_concat(files, earlier)) as file
          from read_json(getvariable('archive') || '/v1/_manifest/events.json',
                         columns = {files: 'struct(key varchar)[]', earlier: 'struct(key varchar)[]'}))
);
create or replace view events as from query(
    case when len(getvariable('events_files')) = 0
         then 'select null::VARCHAR as row_key, null::BIGINT as archive_epoch, null::BIGINT as tx, null::TIMESTAMP WITH TIME ZONE as arrived_at, null::VARCHAR as event_id, null::VARCHAR as sender, null::VARCHAR as event_type, null::VARCHAR as user_id, null::VARCHAR as session_id, null::TIMESTAMP WITH TIME ZONE as occurred_at, null::VARCHAR as clock_skew, null::VARCHAR as payload, null::VARCHAR as metadata, null::VARCHAR as outbox_id, null::DATE as dt where false'
         else 'from read_parquet(getvariable(''events_files''), union_by_name = true, hive_partitioning = true)' end
);

set variable outbox_files = (
    select coalesce(list(getvariable('archive') || '/' || file.key), [])
    from (select unnest(list_concat(files, earlier)) as file
          from read_json(getvariable('archive') || '/v1/_manifest/outbox.json',
                         columns = {files: 'struct(key varchar)[]', earlier: 'struct(key varchar)[]'}))
);
create or replace view outbox as from query(
    case when len(getvariable('outbox_files')) = 0
         then 'select null::VARCHAR as row_key, null::BIGINT as archive_epoch, null::BIGINT as tx, null::TIMESTAMP WITH TIME ZONE as arrived_at, null::VARCHAR as source, null::VARCHAR as entity, null::VARCHAR as external_id, null::VARCHAR as version_key, null::TIMESTAMP WITH TIME ZONE as version_at, null::VARCHAR as api_version, null::VARCHAR as content_type, null::VARCHAR as content_encoding, null::VARCHAR as sender, null::VARCHAR as query, null::VARCHAR as run_id, null::VARCHAR as payload, null::BLOB as payload_bytes, null::DATE as dt where false'
         else 'from read_parquet(getvariable(''outbox_files''), union_by_name = true, hive_partitioning = true)' end
);

set variable payments_files = (
    select coalesce(list(getvariable('archive') || '/' || file.key), [])
    from (select unnest(list_concat(files, earlier)) as file
          from read_json(getvariable('archive') || '/v1/_manifest/payments.json',
                         columns = {files: 'struct(key varchar)[]', earlier: 'struct(key varchar)[]'}))
);
create or replace view payments as from query(
    case when len(getvariable('payments_files')) = 0
         then 'select null::VARCHAR as row_key, null::BIGINT as archive_epoch, null::BIGINT as tx, null::TIMESTAMP WITH TIME ZONE as arrived_at, null::VARCHAR as source, null::VARCHAR as kind, null::VARCHAR as external_id, null::VARCHAR as account, null::BIGINT as amount_minor, null::DECIMAL(38,9) as amount, null::VARCHAR as currency, null::VARCHAR as status, null::VARCHAR as raw_status, null::TIMESTAMP WITH TIME ZONE as occurred_at, null::TIMESTAMP WITH TIME ZONE as version_at, null::VARCHAR as outbox_id, null::DATE as dt where false'
         else 'from read_parquet(getvariable(''payments_files''), union_by_name = true, hive_partitioning = true)' end
);

set variable leads_files = (
    select coalesce(list(getvariable('archive') || '/' || file.key), [])
    from (select unnest(list_concat(files, earlier)) as file
          from read_json(getvariable('archive') || '/v1/_manifest/leads.json',
                         columns = {files: 'struct(key varchar)[]', earlier: 'struct(key varchar)[]'}))
);
create or replace view leads as from query(
    case when len(getvariable('leads_files')) = 0
         then 'select null::VARCHAR as row_key, null::BIGINT as archive_epoch, null::BIGINT as tx, null::TIMESTAMP WITH TIME ZONE as arrived_at, null::VARCHAR as lead_id, null::VARCHAR as state, null::VARCHAR as conflicts_with, null::VARCHAR as email, null::VARCHAR as phone, null::VARCHAR as name, null::VARCHAR as company, null::VARCHAR as first_name, null::VARCHAR as last_name, null::VARCHAR as country, null::VARCHAR as language, null::VARCHAR as ip, null::VARCHAR as domain, null::VARCHAR as offer, null::VARCHAR as source_type, null::VARCHAR as marker, null::VARCHAR as creative, null::VARCHAR as click_id, null::VARCHAR as description, null::VARCHAR as status, null::VARCHAR as assigned_to, null::BIGINT as revision, null::VARCHAR as sender, null::VARCHAR as query, null::VARCHAR as content_type, null::VARCHAR as content_encoding, null::VARCHAR as payload, null::BLOB as payload_bytes, null::TIMESTAMP WITH TIME ZONE as received_at, null::VARCHAR as outbox_id, null::DATE as dt where false'
         else 'from read_parquet(getvariable(''leads_files''), union_by_name = true, hive_partitioning = true)' end
);

set variable contacts_files = (
    select coalesce(list(getvariable('archive') || '/' || file.key), [])
    from (select unnest(list_concat(files, earlier)) as file
          from read_json(getvariable('archive') || '/v1/_manifest/contacts.json',
                         columns = {files: 'struct(key varchar)[]', earlier: 'struct(key varchar)[]'}))
);
create or replace view contacts as from query(
    case when len(getvariable('contacts_files')) = 0
         then 'select null::VARCHAR as row_key, null::BIGINT as archive_epoch, null::BIGINT as tx, null::TIMESTAMP WITH TIME ZONE as arrived_at, null::VARCHAR as source, null::VARCHAR as external_id, null::VARCHAR as email, null::VARCHAR as phone, null::VARCHAR as first_name, null::VARCHAR as last_name, null::VARCHAR as merged_into, null::TIMESTAMP WITH TIME ZONE as deleted_at, null::BOOLEAN as unreadable, null::TIMESTAMP WITH TIME ZONE as version_at, null::VARCHAR as outbox_id, null::DATE as dt where false'
         else 'from read_parquet(getvariable(''contacts_files''), union_by_name = true, hive_partitioning = true)' end
);

set variable calendar_events_files = (
    select coalesce(list(getvariable('archive') || '/' || file.key), [])
    from (select unnest(list_concat(files, earlier)) as file
          from read_json(getvariable('archive') || '/v1/_manifest/calendar_events.json',
                         columns = {files: 'struct(key varchar)[]', earlier: 'struct(key varchar)[]'}))
);
create or replace view calendar_events as from query(
    case when len(getvariable('calendar_events_files')) = 0
         then 'select null::VARCHAR as row_key, null::BIGINT as archive_epoch, null::BIGINT as tx, null::TIMESTAMP WITH TIME ZONE as arrived_at, null::VARCHAR as source, null::VARCHAR as calendar_id, null::VARCHAR as external_id, null::VARCHAR as status, null::VARCHAR as summary, null::TIMESTAMP WITH TIME ZONE as starts_at, null::TIMESTAMP WITH TIME ZONE as ends_at, null::DATE as start_date, null::DATE as end_date, null::BOOLEAN as all_day, null::VARCHAR as recurring_event_id, null::TIMESTAMP WITH TIME ZONE as deleted_at, null::TIMESTAMP WITH TIME ZONE as version_at, null::VARCHAR as outbox_id, null::DATE as dt where false'
         else 'from read_parquet(getvariable(''calendar_events_files''), union_by_name = true, hive_partitioning = true)' end
);

set variable transactions_files = (
    select coalesce(list(getvariable('archive') || '/' || file.key), [])
    from (select unnest(list_concat(files, earlier)) as file
          from read_json(getvariable('archive') || '/v1/_manifest/transactions.json',
                         columns = {files: 'struct(key varchar)[]', earlier: 'struct(key varchar)[]'}))
);
create or replace view transactions as from query(
    case when len(getvariable('transactions_files')) = 0
         then 'select null::VARCHAR as row_key, null::BIGINT as archive_epoch, null::BIGINT as tx, null::TIMESTAMP WITH TIME ZONE as arrived_at, null::VARCHAR as transaction_id, null::VARCHAR as sender, null::VARCHAR as status, null::VARCHAR as failure, null::VARCHAR as knowledge, null::BIGINT as attempt, null::BIGINT as submissions, null::BIGINT as polls, null::VARCHAR as reason, null::BIGINT as revision, null::TIMESTAMP WITH TIME ZONE as deadline, null::TIMESTAMP WITH TIME ZONE as received_at, null::TIMESTAMP WITH TIME ZONE as ended_at, null::VARCHAR as payload, null::BLOB as payload_bytes, null::DATE as dt where false'
         else 'from read_parquet(getvariable(''transactions_files''), union_by_name = true, hive_partitioning = true)' end
);

set variable dead_letters_files = (
    select coalesce(list(getvariable('archive') || '/' || file.key), [])
    from (select unnest(list_concat(files, earlier)) as file
          from read_json(getvariable('archive') || '/v1/_manifest/dead_letters.json',
                         columns = {files: 'struct(key varchar)[]', earlier: 'struct(key varchar)[]'}))
);
create or replace view dead_letters as from query(
    case when len(getvariable('dead_letters_files')) = 0
         then 'select null::VARCHAR as row_key, null::BIGINT as archive_epoch, null::BIGINT as tx, null::TIMESTAMP WITH TIME ZONE as arrived_at, null::VARCHAR as letter_id, null::VARCHAR as source, null::VARCHAR as entity, null::VARCHAR as external_id, null::VARCHAR as outbox_id, null::TIMESTAMP WITH TIME ZONE as created_at, null::TIMESTAMP WITH TIME ZONE as settled_at, null::VARCHAR as error_kind, null::VARCHAR as error_class, null::VARCHAR as error_field, null::VARCHAR as error, null::VARCHAR as reason, null::BIGINT as attempts, null::VARCHAR as run_id, null::VARCHAR as message_id, null::VARCHAR as payload, null::BLOB as payload_bytes, null::DATE as dt where false'
         else 'from read_parquet(getvariable(''dead_letters_files''), union_by_name = true, hive_partitioning = true)' end
);
