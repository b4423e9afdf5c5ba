-- Notes the state of a connection that the template declares, or has declared. It has no key and no settings here.
insert into connections as c (name, source, state, made_at, changed_at)
values (:name, :source, :state, :now, :now)
on conflict (name) do update
set state = excluded.state, settings = '{}', key_secret = null, signing_secret = null, revision = c.revision + 1,
    changed_at = excluded.changed_at
where c.state <> 'erasing' and c.state <> excluded.state
returning name, source, parent, account, settings, key_secret, signing_secret, state, revision, made_at, changed_at,
          leftover
