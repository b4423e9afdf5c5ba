-- What was pushed: one row. One statement, so that it is a transaction of its own, in one round trip. The answer is the
-- row; none where this version is known.
insert into outbox (id, source, entity, external_id, version_key, version_at, api_version, payload,
                    content_type, run_id, next_attempt_at, received_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (source, entity, external_id, version_key) do nothing
returning id
