-- Pauses or resumes a connection, also while its secrets are being changed. No row if its state is none of these.
update connections
set state = :state, revision = revision + 1, changed_at = :now
where name = :name and state = any(:before)
returning name, source, parent, account, settings, key_secret, signing_secret, state, revision, made_at, changed_at,
          leftover
