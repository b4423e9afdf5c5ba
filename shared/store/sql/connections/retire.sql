-- Claims a connection whose removal is in this transaction, until its secrets are deleted. No row if somebody else has
-- claimed it.
update connections
set changing_until = :until, leftover = leftover || array_remove(:own, null)
where name = :name and (changing_until is null or changing_until <= :now)
returning name, source, parent, account, settings, key_secret, signing_secret, state, revision, made_at, changed_at,
          leftover, changing_until
