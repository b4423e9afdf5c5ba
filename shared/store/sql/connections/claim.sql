-- Claims a connection for a change of its secrets, unless it is claimed, being erased, or of another source. The secrets
-- that are about to be written are noted first: if their writer dies, the next change deletes them. A key has a name of
-- its own for each change. A connection that is new has no rows, so it is `erased` until it is settled. The first one of a
-- source may have some, of when the template declared it.
insert into connections as c (name, source, key_secret, state, changing_until, leftover, made_at, changed_at)
values (:name, :source, coalesce(:keys || '/1', :key_secret), case when :name = :source then 'removed' else 'erased' end, :until,
        array_remove(array[:keys || '/1', :signing], null), :now, :now)
on conflict (name) do update
set changing_until = excluded.changing_until,
    revision = c.revision + 1,
    leftover = c.leftover || array_remove(array[:keys || '/' || (c.revision + 1), :signing], null)
where (c.changing_until is null or c.changing_until <= :now)
  and c.state <> 'erasing'
  and (c.source = excluded.source or c.state = 'erased')
returning name, source, parent, account, settings, key_secret, signing_secret, state, revision, made_at, changed_at,
          leftover, changing_until
