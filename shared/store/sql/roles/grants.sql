-- What the login of each function may do. `migrate` owns everything, and grants this after the migrations. A function's
-- login is written `:function`. Whatever a login was granted before, and is not here, it loses.
--
-- Columns are named where a function needs a few, and the others hold what somebody sent.

-- Keys, and the requests that a key has left.
grant select (id, name, scope, sha256, rate_per_second, revoked_at) on api_keys to :admin;
grant select (name, scope, sha256, revoked_at) on api_keys to :bury;
grant select (id, name, scope, sha256, rate_per_second, revoked_at) on api_keys to :ingest;
grant select (id, name, scope, sha256, rate_per_second, revoked_at) on api_keys to :metrics;
grant select (name, scope, sha256, revoked_at) on api_keys to :webhook;
grant select, insert, update on rate_windows to :admin;
grant select, insert, update on rate_windows to :ingest;
grant select, insert, update on rate_windows to :metrics;
grant select, insert, update on idempotency_keys to :admin;
grant select, insert, update on idempotency_keys to :bury;
grant select, insert, update on idempotency_keys to :ingest;
grant select, insert, update on idempotency_keys to :webhook;
grant select, delete on idempotency_keys to :relay;

-- Connections. admin makes and changes them, and deletes none.
grant select, insert, update on connections to :admin;

-- The outbox. Who puts rows into it learns which version keys are known and still wait, and reads no payload.
grant insert, select (id, source, entity, external_id, version_key, status) on outbox to :ingest;
grant insert, select (id, source, entity, external_id, version_key, status) on outbox to :webhook;
grant execute on function differing_events to :bury;
grant execute on function differing_events to :ingest;
grant execute on function differing_events to :webhook;
grant insert, select, update on outbox to :bury;
grant insert, select, update on outbox to :fetch;
grant select, update on outbox to :process;
grant select (id, status, received_at, next_attempt_at), delete on outbox to :relay;
grant update (next_attempt_at) on outbox to :relay;
grant execute on function make_outbox_leaves to :relay;
grant execute on function empty_outbox_leaf to :relay;
grant execute on function drop_outbox_leaf to :relay;
grant select (id, source, status, received_at, next_attempt_at, error_kind) on outbox to :metrics;
grant select, insert, update on dead_letters to :bury;
grant select, insert, update on dead_letters to :process;
grant select (id, source, entity, external_id, outbox_id, error_kind, error_field, error, created_at)
    on dead_letters to :metrics;
grant select, insert, update on not_ours to :process;
grant select, delete on not_ours to :relay;
grant select (id, source, entity, external_id, outbox_id, created_at), delete on dead_letters to :relay;
grant select on not_ours to :metrics;

-- What has failed, and jobs. admin plans and reads them. relay works them by a function that has its owner's rights.
grant select on failures to :admin;
grant select on open_letters to :admin;
grant select on tried_in_vain to :admin;
grant select on failed_attempts to :admin;
grant select on dead_letters to :admin;
grant select on outbox to :admin;
grant insert on failed_attempts to :bury;
grant insert on failed_attempts to :process;
grant select, delete on failed_attempts to :relay;
grant select, insert, update on jobs to :admin;
grant select, insert on job_items to :admin;
grant select (source, kind, external_id, status, outbox_id) on payments to :admin;
grant select (source, external_id, unreadable, outbox_id) on contacts to :admin;
grant select (source, calendar_id, external_id, status, outbox_id) on calendar_events to :admin;
grant select (id, state, outbox_id) on leads to :admin;
grant select (id, status, received_at) on transactions to :admin;
grant select, update, delete on jobs to :relay;
grant select, update on job_items to :relay;
grant select (payload, error, reason, replayed_at, replay_count, settled_at) on dead_letters to :relay;
grant update (replayed_at, replay_count, settled_at, tx) on dead_letters to :relay;
grant execute on function put_back_to_work to :relay;

-- The erasure of people. Whoever plans or works it sees rows by functions that have their owner's rights. process knows the
-- hashes of names, and takes out of the outbox what has come again.
grant execute on function plan_erasure to :admin;
grant execute on function search_erasure to :admin;
grant execute on function begin_erasure to :admin;
grant execute on function search_erasure to :relay;
grant execute on function erase_items to :relay;
grant execute on function advance_erasure to :relay;
grant execute on function forget_stopped_erasures to :relay;
grant select (salt, revision) on erasure_settings to :process;
grant select on erased_names to :process;
grant delete on outbox to :process;

-- What rows say. The sums follow payments by a trigger, which runs as their owner: no function writes them.
grant select, insert, update on payments to :process;
grant select, insert, update on contacts to :process;
grant select, insert, update on calendar_events to :process;
grant select, insert on leads to :process;
-- The columns that are read out of bodies, for leads that are read again.
grant update (email, phone, name, company, first_name, last_name, country, language, ip, domain, offer, source_type, marker,
              creative, click_id, description, revision, updated_at, tx) on leads to :process;
grant select on leads to :metrics;
grant select on lead_changes to :metrics;
-- ingest writes what people decide about a lead, and reads nothing that its sender wrote.
grant select (id, status, assigned_to, revision), update (status, assigned_to, revision, updated_at, tx)
    on leads to :ingest;
grant select, insert on lead_changes to :ingest;
grant select, insert on events to :process;
grant insert on conflicting_events to :process;
grant select on payments to :fetch;
grant select (source, external_id, deleted_at, version_at) on contacts to :fetch;
grant select (source, calendar_id, external_id, deleted_at, version_at) on calendar_events to :fetch;
grant select (source, kind, external_id, amount, currency, status, raw_status, occurred_at, outbox_id, updated_at)
    on payments to :metrics;
grant select (source, external_id, unreadable, outbox_id) on contacts to :metrics;
grant select (source, external_id, status, outbox_id) on calendar_events to :metrics;
grant select on events to :metrics;
grant select on revenue_sums to :metrics;
grant select on revenue_deltas to :metrics;
grant select on revenue_settings to :metrics;
grant execute on function fold_revenue_deltas to :process;
grant execute on function fold_revenue_deltas to :relay;
-- Functions of the release before read the sums, and delete sums of nothing, by the view.
grant select on revenue_buckets to :metrics;
grant select, delete on revenue_buckets to :relay;

-- What is older than its retention, and what is still unreadable.
grant select (id, received_at), delete on leads to :relay;
grant select (event_id, sender, received_at), delete on events to :relay;
grant select (id, received_at), delete on conflicting_events to :relay;
grant select (source, kind, external_id, status, outbox_id) on payments to :relay;
grant select (source, external_id, unreadable, outbox_id) on contacts to :relay;
grant select (source, external_id, status, outbox_id) on calendar_events to :relay;
grant select, delete on sync_runs to :relay;
grant select, delete on run_requests to :relay;
grant select, delete on reconciliations to :relay;
grant select, delete on reconciled_days to :relay;

-- Connections, and what ends with one that is removed.
grant select, insert, update on connections to :admin;
grant select (source), delete on sync_windows to :admin;
grant insert, update on sync_runs to :admin;
grant select (source), delete on held_sweeps to :admin;
grant select (source, entity, external_id), delete on refetch_requests to :admin;
grant update (ended_at) on refetch_requests to :admin;
grant select (source), update (asked_at) on vendor_accounts to :admin;
grant select (source), delete on push_channels to :admin;
grant select on connections to :bury;
grant select on connections to :fetch;
grant select, insert on connections to :process;
grant select on strange_accounts to :admin;
grant select (source), delete on strange_accounts to :relay;
grant select, insert, update on strange_accounts to :process;
grant select, insert, update on sync_state to :process;
grant select on connections to :webhook;

-- The rows of connections that are erased. Some updates are there so that rows can be locked. Of the sums only those of
-- nothing are deleted.
grant select (name, state, changed_at, revision) on connections to :relay;
grant update (state, settings, key_secret, signing_secret, revision, changing_until, changed_at) on connections to :relay;
grant select (ctid, source, entity, external_id, version_key, error_kind) on outbox to :relay;
grant select (ctid), delete, update (updated_at) on payments to :relay;
grant select (ctid), delete, update (updated_at) on contacts to :relay;
grant select (ctid, calendar_id), delete, update (updated_at) on calendar_events to :relay;
grant select, delete on revenue_sums to :relay;
grant select on revenue_deltas to :relay;
grant select (ctid) on dead_letters to :relay;
grant select (email, outbox_id) on leads to :relay;
grant select (user_id, outbox_id) on events to :relay;
grant update (noted_at) on not_ours to :relay;
grant update (updated_at) on sync_runs to :relay;
grant update (requested_at) on run_requests to :relay;
grant delete on sync_state to :relay;
grant select (source), delete on sync_windows to :relay;
grant select (source), delete on held_sweeps to :relay;
grant select (source), delete on vendor_accounts to :relay;
grant select (source), delete on push_channels to :relay;

-- The digest reads counts and names, no row of a person, and keeps what it has told.
grant select (source, entity, mode, known_since, halted, paused_since, next_try_at, updated_at) on sync_state to :digest;
grant select (source, since) on circuits to :digest;
grant select (source, entity, mode, status, started_at, finished_at, rows_new) on sync_runs to :digest;
grant select (name, source, key_secret, state, changed_at) on connections to :digest;
grant select (id, source, entity, error, created_at) on dead_letters to :digest;
grant select (source, status, received_at, error_kind) on outbox to :digest;
grant select (source, kind, amount, currency, status, raw_status, occurred_at, updated_at) on payments to :digest;
grant select (id, status, received_at) on transactions to :digest;
grant select on revenue_sums to :digest;
grant select on revenue_deltas to :digest;
grant select on revenue_settings to :digest;
grant select, insert, delete on digests to :digest;
grant select, insert, update on digest_sendings to :digest;
grant select, insert, update, delete on digest_issues to :digest;
grant select, update on digest_checks to :digest;

-- Pulls.
grant select, insert, update on sync_state to :admin;
grant select, insert, update on sync_state to :fetch;
grant select, insert, update on sync_state to :webhook;
grant select, insert, update on sync_state to :relay;
grant select on sync_state to :metrics;
grant select (source), delete on circuits to :admin;
grant select, insert, update, delete on circuits to :fetch;
grant select, insert, update, delete on circuits to :relay;
grant select on circuits to :metrics;
grant select, insert, update, delete on sync_windows to :fetch;
grant select, insert, update on sync_runs to :fetch;
grant select, update on sync_runs to :process;
grant select on sync_runs to :admin;
grant select on sync_runs to :metrics;
grant select on run_stands to :metrics;
grant select (name, source, key_secret, state, changed_at) on connections to :metrics;
grant select (name, source, key_secret, state, changed_at) on connections to :relay;
grant select, insert on run_requests to :admin;
grant select on run_requests to :metrics;
grant select, insert, update on reconciliations to :fetch;
grant select, insert, update, delete on reconciled_days to :fetch;
grant select, insert, update, delete on held_sweeps to :fetch;
grant select, insert, update, delete on refetch_requests to :fetch;
grant select, insert, update on refetch_requests to :bury;
grant select, insert, update on refetch_requests to :process;
grant select, insert, update on refetch_requests to :webhook;
grant select, delete on refetch_requests to :relay;
grant update (ended_at) on refetch_requests to :relay;
grant select (source, entity, external_id, requested_at, ended_at, last_error) on refetch_requests to :metrics;
grant select, insert, update on vendor_accounts to :fetch;
grant select on vendor_accounts to :bury;
grant select on vendor_accounts to :process;
grant select on vendor_accounts to :webhook;
grant select, insert, delete on push_channels to :fetch;

-- Transactions. transact takes them in, applies call-backs, and has a person resume them. bury takes in what waited too long.
grant select (id, name, scope, sha256, rate_per_second, revoked_at) on api_keys to :transact;
grant select, insert, update on rate_windows to :transact;
grant select, insert, update on transactions to :transact;
grant insert, select (id, status, body_sha256) on transactions to :bury;
grant select, insert on transaction_changes to :transact;
grant select, insert, update on transaction_attempts to :transact;
grant select, insert, update on transaction_conflicts to :transact;
grant select, insert, update on notifications to :transact;
-- settle works them. relay finds messages that were lost, and deletes what has ended.
grant select, update on transactions to :settle;
grant insert on transaction_changes to :settle;
grant select, insert, update on transaction_attempts to :settle;
grant select, insert, update on transaction_conflicts to :settle;
grant select, insert, update on notifications to :settle;
grant select, insert, update on call_windows to :settle;
grant select, insert, update, delete on circuits to :settle;
grant select (id, message_due_at, ended_at), update (message_due_at), delete on transactions to :relay;
grant select (id, transaction_id, next_action_at, message_due_at), update (message_due_at) on notifications to :relay;

-- A change that a person or a program asks for has its row in the audit log.
grant insert on audit_log to :admin;
grant insert on audit_log to :ingest;
grant insert on audit_log to :transact;

-- Accounts. accounts alone reads passwords, and adds to the audit log what it changes.
grant select, insert, update on users to :accounts;
grant select, insert, update, delete on sessions to :accounts;
grant select, insert, update, delete on account_links to :accounts;
grant select, insert, update, delete on sign_in_limits to :accounts;
grant select, insert, update on reset_requests to :accounts;
grant insert on audit_log to :accounts;
-- relay deletes what is over or too old. Nobody changes the audit log.
grant select (id, expires_at), delete on sessions to :relay;
grant select (id, expires_at), delete on account_links to :relay;
grant select (key, kind, updated_at), delete on sign_in_limits to :relay;
grant select (email, requested_at), delete on reset_requests to :relay;
grant select (id, seq, happened_at), delete on audit_log to :relay;

-- The console reads what its pages show. It finds sessions, and notes that they are in use.
grant select (id, email, name, image, email_verified, role, disabled_at, created_at, updated_at) on users to :console;
grant select, update (last_seen_at, renewed_at, expires_at) on sessions to :console;
grant select (id, kind, token_sha256, email, role, user_id, created_at, expires_at, used_at) on account_links to :console;
grant select on sync_state to :console;
grant select on sync_runs to :console;
grant select on run_stands to :console;
grant select on run_requests to :console;
grant select on circuits to :console;
grant select (run_id, look, day) on reconciled_days to :console;
grant select (run_id, look, phase) on reconciliations to :console;
grant select on outbox to :console;
grant select on dead_letters to :console;
grant select on failures to :console;
grant select on open_letters to :console;
grant select on tried_in_vain to :console;
grant select on failed_attempts to :console;
grant select (source, amount, currency, status, occurred_at) on payments to :console;
grant select on revenue_sums to :console;
grant select on revenue_deltas to :console;
grant select on revenue_settings to :console;
grant select on leads to :console;
grant select on lead_changes to :console;
grant select on events to :console;
grant select (source, external_id, email, phone, first_name, last_name, merged_into, deleted_at, version_at, updated_at)
    on contacts to :console;
grant select (source, calendar_id, external_id, status, summary, starts_at, ends_at, start_date, end_date, deleted_at, version_at)
    on calendar_events to :console;
grant select on transactions to :console;
grant select on transaction_changes to :console;
grant select on transaction_attempts to :console;
grant select on transaction_conflicts to :console;
grant select on notifications to :console;
grant select (requested_at, ended_at) on refetch_requests to :console;

-- The console acts for people with a role: it plans and starts jobs, asks for runs, pauses connections, resumes
-- transactions, edits leads, makes and revokes keys, and manages accounts. It reads no hash of a password.
grant select, insert on audit_log to :console;
grant select on jobs to :console;
grant insert, update on jobs to :console;
grant select, insert on job_items to :console;
grant execute on function begin_erasure to :console;
grant select (kind, external_id, outbox_id) on payments to :console;
grant select (unreadable, outbox_id) on contacts to :console;
grant select (outbox_id) on calendar_events to :console;
grant select, insert, update on idempotency_keys to :console;
grant insert on run_requests to :console;
grant insert, update on sync_state to :console;
grant select on connections to :console;
grant insert, update (state, settings, key_secret, signing_secret, revision, changed_at) on connections to :console;
grant update on transactions to :console;
grant insert on transaction_changes to :console;
grant insert, update on transaction_attempts to :console;
grant insert, update on notifications to :console;
grant update (status, assigned_to, revision, updated_at, tx) on leads to :console;
grant insert on lead_changes to :console;
grant select (id, name, scope, rate_per_second, made_by, created_at, revoked_at, last_used_at), insert, update (revoked_at)
    on api_keys to :console;
grant select (key_id, window_start) on rate_windows to :console;
grant update (role, disabled_at, updated_at) on users to :console;
grant delete on sessions to :console;
grant insert, select (email, kind, used_at), delete on account_links to :console;

-- Retention keeps rows that are in no file of the analytics copy yet.
grant execute on function archived_to to :relay;
grant execute on function empty_archived_outbox_leaf to :relay;
grant select (tx) on outbox to :relay;
grant select (tx) on events to :relay;
grant select (tx) on leads to :relay;
grant select (tx) on transactions to :relay;
grant select (tx) on dead_letters to :relay;

-- Files are searched for people who were erased, of whom archive knows hashes of names.
grant select (salt, revision) on erasure_settings to :archive;
grant select on erased_names to :archive;

-- The analytics copy. archive reads the columns that are copied, by views, and changes no row of theirs but those that came in
-- a dump of another cluster.
grant select on analytics_events to :archive;
grant select on analytics_outbox to :archive;
grant select on analytics_payments to :archive;
grant select on analytics_leads to :archive;
grant select on analytics_contacts to :archive;
grant select on analytics_calendar_events to :archive;
grant select on analytics_transactions to :archive;
grant select on analytics_dead_letters to :archive;
grant select, insert on archive_epochs to :archive;
grant select, insert, update on archive_marks to :archive;
grant select, insert, update, delete on archive_batches to :archive;
grant execute on function archive_system_identifier to :archive;
grant execute on function archive_waiting to :archive;
grant execute on function archive_parts to :archive;
grant execute on function archive_adopt to :archive;

-- What BigQuery holds of it. load reads which files count, and no row that somebody has sent.
grant select (id, table_name, epoch, from_tx, to_tx, day, part, key, state, rows, bytes) on archive_batches to :load;
grant select on archive_files to :load;
grant select on archive_outdated_loads to :load;
grant select on archive_days_to_rebuild to :load;
grant select, insert, update on archive_targets to :load;
grant select, insert, update, delete on archive_loads to :load;
grant select, insert, update, delete on archive_rebuilds to :load;
grant select, insert, update, delete on circuits to :load;
