-- A message is to go out over each of these channels.
insert into digest_sendings (digest_id, channel, state, next_try_at)
select :digest_id, channel, 'planned', :now from unnest(:channels) as channel
