-- Makes a claimed connection what it is to be, in one step: its key belongs to its settings. The claim stays until the
-- secrets that are left over are deleted. No row if the claim was lost.
update connections
set source = :source,
    settings = :settings,
    key_secret = :key_secret,
    signing_secret = :signing_secret,
    state = case state when 'paused' then 'paused' else 'active' end,
    made_at = case state when 'erased' then :now else made_at end,
    changed_at = :now,
    leftover = :leftover
where name = :name and changing_until = :claim
returning name, source, parent, account, settings, key_secret, signing_secret, state, revision, made_at, changed_at,
          leftover
