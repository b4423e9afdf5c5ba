-- For the console's list of API keys: who has made one, and when it was used last. No statement of a function writes the
-- second, so functions of either release do.
set local lock_timeout = '300ms';

alter table api_keys
    add column made_by      text,                      -- the e-mail address of who made it in the console; null of other keys
    add column last_used_at timestamptz;               -- to the hour

-- Notes that a key is used, once an hour. A window of its rate begins with its first use. It is a trigger, so that no
-- function needs a right to change api_keys.
create function note_key_used() returns trigger
language plpgsql security definer as $$
begin
    update api_keys set last_used_at = new.window_start
    where id = new.key_id and (last_used_at is null or last_used_at < new.window_start);
    return null;
end
$$;

-- Senders without a key have a window too, and no row in api_keys.
create trigger note_key_used_first after insert on rate_windows
    for each row execute function note_key_used();
create trigger note_key_used_again after update of window_start on rate_windows
    for each row
    when (floor(extract(epoch from new.window_start) / 3600) > floor(extract(epoch from old.window_start) / 3600))
    execute function note_key_used();

-- A caller's own table of this name must not be used with the owner's rights.
do $$
begin
    execute format('alter function note_key_used() set search_path = %I, pg_temp', current_schema());
    revoke execute on function note_key_used() from public;
end
$$;
