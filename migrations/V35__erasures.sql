-- Erasure of a person (docs/adr/0060-erasing-a-person.md). Functions of the release before know nothing of it: deploy `process`
-- and `relay` before the first erasure is started.
set local lock_timeout = '300ms';

-- One row. The salt of all names, and the number of times that names were added. Whoever adds some holds the row until the
-- commit, so that numbers are committed in their order.
create table erasure_settings (
    id       smallint primary key default 1 check (id = 1),
    salt     bytea    not null,
    revision bigint   not null
);
insert into erasure_settings (salt, revision)
values (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 0);

-- The names of people who were erased, as hashes: what names one of them is not kept when it comes again.
create table erased_names (
    name      bytea       primary key,                  -- SHA-256 of the salt and the name
    revision  bigint      not null,
    erased_at timestamptz not null
);
create index erased_names_by_revision on erased_names (revision);

-- What was done and when, without personal data. It outlives its job.
create table erasures (
    job        uuid        primary key,
    asked_by   text        not null,
    why        text        not null,
    names      integer     not null,
    state      text        not null check (state in ('running', 'stopped', 'completed')),
    counts     jsonb       not null default '{}',       -- rows by table and by what was done to them
    started_at timestamptz not null,
    ended_at   timestamptz
);
create index erasures_newest on erasures (started_at desc);

-- Who is looked for, and where the search is. It goes when the job ends, and with a job that nobody starts.
create table erasure_searches (
    job       uuid     primary key references jobs on delete cascade,
    wanted    text[],                                   -- the names; null looks for all who were erased
    needles   text[]   not null,                        -- of each name a pattern that finds it in any spelling
    mails     text[]   not null default '{}',           -- addresses that payments of a given customer name
    maybe     text[]   not null default '{}',           -- customers that may be of the person, as connection:id
    round     smallint not null default 1,              -- 1 for the dry run, 2 for what has come since
    place     smallint not null default 1,              -- the table that is searched
    after     text[],                                   -- the key of the last row that was looked at
    is_over   boolean  not null default false,
    waits_for text[]                                    -- transactions that may not know the names
);

-- Bytes as ASCII: what is none is an octal number. Text in any charset can be searched so.
create function erasure_view(p_bytes bytea) returns text
language sql immutable parallel safe as $$
    select replace(encode(p_bytes, 'escape'), '\\', '\')
$$;

create function erasure_view(p_text text) returns text
language sql immutable parallel safe as $$
    select erasure_view(convert_to(p_text, 'UTF8'))
$$;

create function erasure_view(p_json jsonb) returns text
language sql immutable parallel safe as $$
    select erasure_view(p_json::text)
$$;

create function erasure_view(p_texts text[]) returns text
language sql immutable parallel safe as $$
    select erasure_view(array_to_string(p_texts, ' '))
$$;

-- A view without what forms and JSON write in other ways: an escaped character is itself, or a space.
create function erasure_plain(p_view text) returns text
language plpgsql immutable parallel safe as $$
declare
    v_plain text := p_view;
begin
    if position('%' in v_plain) > 0 then
        v_plain := replace(regexp_replace(v_plain, '%2b', '+', 'gi'), '%40', '@');
        v_plain := regexp_replace(v_plain, '%[0-9A-Fa-f]{2}', ' ', 'g');
    end if;
    if position('\' in v_plain) > 0 then
        v_plain := regexp_replace(v_plain, '\\[nrt]', E'\n', 'g');
        v_plain := replace(regexp_replace(v_plain, '\\u002b', '+', 'gi'), '\u0040', '@');
        v_plain := regexp_replace(v_plain, '\\u00[0-9A-Fa-f]{2}', ' ', 'g');
    end if;
    return v_plain;
end
$$;

-- The names in a view: addresses, and ids that are long and mixed enough to be nobody else's. The domain's `erasure` finds
-- the same.
create function names_in(p_view text) returns setof text
language sql immutable parallel safe as $$
    with plain as materialized (select erasure_plain(p_view) as t),
    parts as materialized (select string_to_array(t, '@') as p from plain),
    addresses as materialized (
        select substring(right(p[i], 100) from '[A-Za-z0-9.!#$&''*+/=?^_`{|}~-]+$') as local,
               substring(left(p[i + 1], 255) from '^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?') as domain
        from parts, generate_subscripts(p, 1) i
        where i < cardinality(p)
    )
    select 'email:' || lower((ltrim(substr(local, n), '.-') || '@' || domain) collate "C")
    from addresses, generate_series(1, length(local)) n
    where domain is not null and (n = 1 or position(substr(local, n - 1, 1) in '!#$&''*/=?^`{|}~') > 0)
      and ltrim(substr(local, n), '.-') <> ''
    union
    select 'id:' || m[1]
    from plain, regexp_matches(t, '[A-Za-z0-9_-]{8,}', 'g') as m
    where length(m[1]) <= 255 and m[1] ~ '[0-9]' and m[1] ~ '[A-Za-z]'
$$;

-- The users that an event names.
create function users_in(p_view text) returns text[]
language sql immutable parallel safe as $$
    select array(select 'user:' || coalesce(m[1], m[2])
                 from regexp_matches(p_view, '"user_?id"\s*:\s*(?:"([^"\\]*)"|([0-9]+))', 'gi') as m)
$$;

-- The addresses that a payment gives as its payer's, and its customer.
create function payer_of(p_view text, out emails text[], out customer text)
language sql immutable parallel safe as $$
    select array(select distinct 'email:' || lower(btrim(m[1]) collate "C")
                 from regexp_matches(p_view, '"(?:receipt_email|email|customer_email|customer_email_address)"\s*:\s*"([^"]+)"', 'g') as m),
           substring(p_view from '"customer"\s*:\s*(?:\{[^{}]*?"id"\s*:\s*)?"([^"]+)"')
$$;

create function charge_of(p_view text) returns text
language sql immutable parallel safe as $$
    select substring(p_view from '"charge"\s*:\s*(?:\{[^{}]*?"id"\s*:\s*)?"([^"]+)"')
$$;

-- The bodies of a message, which are in base64 inside of its text.
create function erasure_unpacked(p_view text) returns text
language plpgsql immutable as $$
declare
    v_run text;
    v_all text := p_view;
begin
    for v_run in select m[1] from regexp_matches(p_view, '"body"\s*:\s*"([A-Za-z0-9+/]{8,}={0,2})"', 'g') as m loop
        begin
            v_all := v_all || ' ' || erasure_view(decode(v_run, 'base64'));
        exception
            when invalid_parameter_value then null;
        end;
    end loop;
    return v_all;
end
$$;

create function name_hash(p_name text) returns bytea
language sql stable as $$
    select sha256(salt || convert_to(p_name, 'UTF8')) from erasure_settings
$$;

-- These run with the rights of the function that calls them.
--
-- How a row has to do with the person: `own` if it is theirs by a column, `named` if only its text names them, else null.
-- Without names it is asked for all people who were erased.
create function erasure_match(p_own text[], p_view text, p_wanted text[], p_needles text[]) returns text
language plpgsql stable as $$
begin
    if p_wanted is null then
        if exists (select from unnest(p_own) n join erased_names e on e.name = name_hash(n)) then
            return 'own';
        end if;
        return (select 'named' from erasure_settings s cross join names_in(p_view) n
                join erased_names e on e.name = sha256(s.salt || convert_to(n, 'UTF8')) limit 1);
    elsif p_own && p_wanted then
        return 'own';
    elsif lower(p_view collate "C") like any (p_needles) then
        return (select 'named' from names_in(p_view) n where n = any (p_wanted) limit 1);
    end if;
    return null;
end
$$;

-- The text without the names. Half of an address stays if its spelling is one that is not known here.
create function erasure_mask(p_text text, p_wanted text[]) returns text
language plpgsql stable as $$
declare
    v_name text;
    v_word text;
begin
    for v_name in
        select n from names_in(erasure_view(p_text)) n
        where case when p_wanted is null then exists (select from erased_names e where e.name = name_hash(n)) else n = any (p_wanted) end
        order by length(n) desc, n
    loop
        v_word := regexp_replace(substring(v_name from position(':' in v_name) + 1), '([^A-Za-z0-9_-])', '\\\1', 'g');
        v_word := replace(replace(v_word, '\@', '(?:@|%40|\\u0040)'), '\+', '(?:\+|%2[bB]|\\u002[bB])');
        -- What is before and behind is of no longer name. An escape is not, unless it is that of a plus.
        if v_name like 'email:%' then
            p_text := regexp_replace(p_text, '(?:(?<![A-Za-z0-9_+\u0080-\U0010FFFF][.-]*)'
                                             || '|(?<=(?:\\[nrt]|(?:\\u00|%)(?:[013-9A-Fa-f][0-9A-Fa-f]|2[0-9ACDEFacdef]))[.-]*))'
                                             || v_word || '(?![.-]*[A-Za-z0-9])', '***', 'gi');
        else
            p_text := regexp_replace(p_text, '(?:(?<![A-Za-z0-9_\u0080-\U0010FFFF-])|(?<=\\[nrt]|(?:\\u00|%)[0-9A-Fa-f]{2}))'
                                             || v_word || '(?![A-Za-z0-9_-])', '***', 'g');
        end if;
    end loop;
    return p_text;
end
$$;

-- Bytes are masked as Latin-1, which has a character for each. With a zero byte they are no text, and nothing is kept.
create function erasure_mask(p_bytes bytea, p_wanted text[]) returns bytea
language sql stable as $$
    select case when position('\x00'::bytea in p_bytes) > 0 then ''::bytea
                else convert_to(erasure_mask(convert_from(p_bytes, 'LATIN1'), p_wanted), 'LATIN1') end
$$;

create function erasure_mask(p_json jsonb, p_wanted text[]) returns jsonb
language sql stable as $$
    select erasure_mask(p_json::text, p_wanted)::jsonb
$$;

create function erasure_mask(p_texts text[], p_wanted text[]) returns text[]
language sql stable as $$
    select array(select erasure_mask(t, p_wanted) from unnest(p_texts) with ordinality as t (t, n) order by n)
$$;

-- Where personal data can be: each table with its key, the columns that hold text of others, the names that make a row
-- the person's own, and the names that a row of theirs adds for the tables after it. A test compares it with the schema.
create function erasure_places()
returns table (place integer, target text, keys text[], types text[], texts text[], own text, adds text, among text)
language sql immutable as $$
values
    (3, 'contacts', '{source,external_id}'::text[], '{text,text}'::text[], '{email,phone,first_name,last_name,merged_into,raw}'::text[],
     $o$array['object:' || source || ':' || external_id, 'email:' || lower(btrim(email) collate "C")]$o$,
     $o$array['object:' || source || ':' || external_id, 'id:' || external_id, 'row:' || outbox_id]$o$, 'true'),
    (4, 'payments', '{source,kind,external_id}', '{text,text,text}', '{raw}',
     $o$array['object:' || source || ':' || external_id,
              'object:' || source || ':' || case when kind in ('refund', 'dispute') then charge_of(erasure_view(raw)) end]$o$,
     $o$array['object:' || source || ':' || external_id, 'id:' || external_id]$o$, 'octet_length(raw) > 0'),
    (5, 'calendar_events', '{source,calendar_id,external_id}', '{text,text,text}', '{summary,raw}',
     $o$array['object:' || source || ':' || external_id]$o$, null, 'octet_length(raw) > 0'),
    (6, 'leads', '{id}', '{uuid}',
     '{email,phone,name,company,first_name,last_name,country,language,ip,domain,offer,source_type,marker,creative,click_id,description,status,assigned_to,query,body}',
     $o$array['email:' || lower(btrim(email) collate "C"), 'object:leads:' || id]$o$,
     $o$array['object:leads:' || id, 'row:' || outbox_id]$o$, 'true'),
    (7, 'lead_changes', '{lead_id,revision,field}', '{uuid,bigint,text}', '{old_value,new_value}', 'array[]::text[]', null, 'true'),
    (8, 'events', '{event_id,sender}', '{text,text}', '{session_id,type,payload,metadata}',
     $o$array['user:' || user_id, 'object:events:' || event_id, case when user_id is null then 'session:' || session_id end]$o$, null, 'true'),
    (9, 'conflicting_events', '{id}', '{uuid}', '{query,body}', 'users_in(erasure_view(body))', null, 'true'),
    (10, 'outbox', '{id}', '{uuid}', '{payload,query,last_error}',
     $o$array['object:' || source || ':' || external_id, 'row:' || id, 'session:' || case when source = 'events' and erasure_view(payload) !~ '"user_?[iI]d"' then substring(erasure_view(payload) from '"session_?[iI]d"\s*:\s*"?([^"\\,}\s]*)') end,
              'object:' || source || ':' || case when entity in ('refund', 'dispute') then charge_of(erasure_view(payload)) end]
        || case when source = 'events' then users_in(erasure_view(payload)) else '{}' end$o$, null,
     $o$octet_length(payload) > 0$o$),
    (11, 'dead_letters', '{id}', '{uuid}', '{payload,error,reason,error_field}',
     $o$array['object:' || source || ':' || external_id, 'row:' || outbox_id]
        || case when source = 'events' then users_in(erasure_view(payload)) else '{}' end$o$, null, 'true'),
    (12, 'failed_attempts', '{outbox_id,failed_at}', '{uuid,timestamptz}', '{error,reason,error_field}',
     $o$array['object:' || source || ':' || external_id, 'row:' || outbox_id]$o$, null, 'true'),
    (13, 'refetch_requests', '{source,entity,external_id}', '{text,text,text}', '{last_error}',
     $o$array['object:' || source || ':' || case when entity = 'contact' then external_id end]$o$, null, 'true'),
    (14, 'idempotency_keys', '{scope,route,key}', '{bytea,text,text}', '{key}', 'array[]::text[]', null, 'true'),
    (15, 'sync_runs', '{id}', '{uuid}', '{last_error}', 'array[]::text[]', null, 'true'),
    (16, 'sync_state', '{source,entity,mode}', '{text,text,text}', '{halted,requested_why}', 'array[]::text[]', null, 'true'),
    (17, 'circuits', '{source}', '{text}', '{why}', 'array[]::text[]', null, 'true'),
    (18, 'vendor_accounts', '{source}', '{text}', '{unknown}', 'array[]::text[]', null, 'true'),
    (19, 'digests', '{id}', '{uuid}', '{message}', 'array[]::text[]', null, 'true'),
    (20, 'digest_sendings', '{digest_id,channel}', '{uuid,text}', '{error}', 'array[]::text[]', null, 'true'),
    (21, 'digest_issues', '{issue}', '{text}', '{what}', 'array[]::text[]', null, 'true'),
    (22, 'jobs', '{id}', '{uuid}', '{filter,why,continue_at}', 'array[]::text[]', null, $o$kind <> 'erase'$o$),
    (23, 'job_items', '{job,place}', '{uuid,integer}', '{key,reason}',
     $o$array[case target when 'contacts' then 'object:' || key[1] || ':' || key[2] when 'leads' then 'object:leads:' || key[1] end]$o$, null,
     $o$exists (select from jobs j where j.id = job and j.kind <> 'erase')$o$)
$$;

-- The searched text of a row of a place, as an expression.
create function erasure_text_of(p_target text, p_texts text[]) returns text
language sql immutable as $$
    select string_agg(case when p_target = 'dead_letters' and t = 'payload'
                           then 'case when outbox_id is null then erasure_unpacked(erasure_view(payload)) else erasure_view(payload) end'
                           else format('coalesce(erasure_view(%I), '''')', t) end, $x$ || E'\n' || $x$)
    from unnest(p_texts) as t
$$;

-- A pattern for texts that may have a name, however it is spelled. Rows without one are not looked at closely.
create function needle_of(p_name text) returns text
language sql immutable as $$
    select '%' || regexp_replace(lower(substring(p_name from position(':' in p_name) + 1) collate "C"), '[^a-z0-9]+', '%', 'g') || '%'
$$;

-- The names that an id is known by: as what it is, and as a word of any text if it is long and mixed enough.
create function names_of_id(p_name text, p_id text) returns text[]
language sql immutable as $$
    select array[p_name] || array(select n from names_in(erasure_view(p_id)) n where n in ('id:' || p_id, 'email:' || lower(p_id collate "C")))
$$;

-- Adds names to those of the erased. Only as hashes: what is kept for good names nobody.
create function add_erased_names(p_names text[], p_now timestamptz) returns void
language plpgsql security definer as $$
declare
    v_revision bigint;
begin
    update erasure_settings set revision = revision + 1 returning revision into v_revision;
    insert into erased_names (name, revision, erased_at)
    select distinct name_hash(n), v_revision, p_now from unnest(p_names) n where n is not null and n not like 'row:%'
    on conflict do nothing;
end
$$;

-- Begins the search of a planned erasure with the names that are given, and those that follow from columns. From an id one
-- gets to an address, unless others have it too; from an address to contacts and customers; and no further.
create function plan_erasure(p_job uuid, p_email text, p_user text, p_source text, p_external_id text, p_everybody boolean)
returns void
language plpgsql security definer as $$
declare
    v_names text[] := '{}';
    v_payer record;
    v_maybe text[] := '{}';
    v_mails text[] := '{}';
begin
    if p_email is not null then
        v_names := v_names || ('email:' || lower(btrim(p_email) collate "C"));
    end if;
    if p_user is not null then
        v_names := v_names || names_of_id('user:' || p_user, p_user)
                || array(select distinct 'session:' || session_id from events where user_id = p_user and session_id is not null limit 10000);
    end if;
    if p_external_id is not null then
        v_names := v_names || names_of_id('object:' || p_source || ':' || p_external_id, p_external_id)
                || array(select 'email:' || lower(btrim(c.email) collate "C") from contacts c
                         where c.source = p_source and c.external_id = p_external_id and c.email is not null
                           and not exists (select from contacts o where lower(o.email) = lower(c.email) and o.source = c.source
                                                                    and o.external_id <> c.external_id));
        for v_payer in
            select payer.* from payments p, payer_of(erasure_view(p.raw)) payer
            where p.source = p_source and p.kind in ('charge', 'refund', 'dispute', 'deal') and p.external_id = p_external_id
        loop
            v_mails := v_mails || v_payer.emails;
            v_maybe := v_maybe || (p_source || ':' || v_payer.customer);
        end loop;
    end if;
    insert into erasure_searches (job, wanted, needles, mails, maybe, place)
    values (p_job, case when not p_everybody then v_names end,
            array(select needle_of(n) from unnest(v_names) n where n like 'email:%' or n like 'id:%'), v_mails,
            array_remove(v_maybe, null), case when p_everybody then 3 else 1 end);
end
$$;

-- Follows the person through payments, in two passes: first to the customers whose payments give the person's address, and
-- to the address of a customer who was given; then it drops a customer whose payments give another address as well.
create function follow_payments(inout p_search erasure_searches, p_rows integer)
language plpgsql security definer as $$
declare
    v_row   record;
    v_rows  integer := 0;
    v_mails text[];
    v_looks text[] := case when p_search.place = 1 then p_search.needles
                           else array(select needle_of(m) from unnest(p_search.maybe) m) end;
begin
    for v_row in
        select p.source, p.kind, p.external_id, payer.emails, p.source || ':' || payer.customer as customer
        from (select t.source, t.kind, t.external_id, erasure_view(t.raw) as view from payments t
              where v_looks <> '{}'
                and (t.source, t.kind, t.external_id)
                    > (coalesce(p_search.after[1], ''), coalesce(p_search.after[2], ''), coalesce(p_search.after[3], ''))
              order by t.source, t.kind, t.external_id limit p_rows) p
        left join lateral (
            select * from payer_of(p.view)
            where lower(p.view collate "C") like any (v_looks)
        ) payer on true
        order by p.source, p.kind, p.external_id
    loop
        v_rows := v_rows + 1;
        p_search.after := array[v_row.source, v_row.kind, v_row.external_id];
        continue when v_row.customer is null or v_row.emails = '{}';
        if p_search.place = 1 then
            if v_row.emails && p_search.wanted then
                p_search.maybe := array(select unnest(p_search.maybe) union select v_row.customer);
            elsif 'object:' || v_row.customer = any (p_search.wanted) then
                p_search.mails := array(select unnest(p_search.mails) union select unnest(v_row.emails));
            end if;
        elsif v_row.customer = any (p_search.maybe) and not v_row.emails <@ p_search.wanted then
            p_search.maybe := array_remove(p_search.maybe, v_row.customer);
        end if;
    end loop;
    if v_rows >= p_rows then
        return;
    end if;
    if p_search.place = 1 then
        v_mails := array(select distinct m from unnest(p_search.mails) m);
        if cardinality(v_mails) = 1 and not v_mails <@ p_search.wanted then
            p_search.wanted := p_search.wanted || v_mails;
            p_search.needles := p_search.needles || needle_of(v_mails[1]);
        end if;
        p_search.mails := '{}';
    else
        p_search.wanted := p_search.wanted
            || array(select unnest(names_of_id('object:' || m, substring(m from position(':' in m) + 1))) from unnest(p_search.maybe) m);
        p_search.needles := array(select needle_of(n) from unnest(p_search.wanted) n where n like 'email:%' or n like 'id:%');
        p_search.maybe := '{}';
    end if;
    p_search.place := p_search.place + 1;
    p_search.after := null;
end
$$;

-- The condition that a row of a place has the key $1.
create function erasure_key_is(p_keys text[], p_types text[]) returns text
language sql immutable as $$
    select string_agg(format('t.%I = ($1[%s])::%s', k, n, p_types[n]), ' and ' order by n) from unnest(p_keys) with ordinality as k (k, n)
$$;

-- Looks through the next rows of a search and makes items of those that have to do with the person. A job that is planned has
-- p_most items at most. Returns whether the search is over.
create function search_erasure(p_job uuid, p_rows integer, p_most integer, p_now timestamptz) returns boolean
language plpgsql security definer as $$
declare
    v_state  text;
    v_items  integer;
    v_search erasure_searches;
    v_place  record;
    v_order  text;
    v_found  record;
begin
    select state, items into v_state, v_items from jobs where id = p_job and state in ('searching', 'running') for no key update;
    select * into v_search from erasure_searches where job = p_job for update;
    if v_state is null or v_search.job is null or v_search.is_over then
        return true;
    end if;
    select * into v_place from erasure_places() where place = v_search.place;
    if v_search.place < 3 then
        v_search := follow_payments(v_search, p_rows);
    elsif v_place.target is null or v_state = 'searching' and v_items >= p_most then
        v_search.is_over := true;
    else
        select string_agg(format('t.%I', k), ', ' order by n) into v_order from unnest(v_place.keys) with ordinality as k (k, n);
        execute format(
            'with chunk as materialized (select t.* from %1$I t where %2$s order by %3$s limit $1),
                  looked as materialized (
                      select array[%4$s]::text[] as key, row_number() over (order by %3$s) as n, %5$s as adds,
                             case when %6$s then erasure_match(%7$s, %8$s, $2, $3) end as matched
                      from chunk t),
                  put as (
                      insert into job_items (job, place, target, key, state)
                      select $4, (select coalesce(max(place), -1) from job_items where job = $4) + row_number() over (order by l.n),
                             %1$L, l.key, ''waiting''
                      from looked l
                      where l.matched is not null
                        and not exists (select from job_items w
                                        where w.job = $4 and w.state = ''waiting'' and w.target = %1$L and w.key = l.key)
                      returning 1)
             select (select count(*) from looked) as rows, (select key from looked order by n desc limit 1) as last,
                    (select count(*) from put) as put,
                    array(select distinct a from looked, unnest(adds) a
                          where a is not null and (matched = ''own'' or matched = ''named'' and %1$L = ''payments'')) as adds',
            v_place.target,
            case when v_search.after is null then 'true'
                 else format('(%s) > (%s)', v_order, (select string_agg(format('($5[%s])::%s', n, t), ', ' order by n)
                                                      from unnest(v_place.types) with ordinality as t (t, n))) end,
            v_order,
            (select string_agg(format('t.%I::text', k), ', ' order by n) from unnest(v_place.keys) with ordinality as k (k, n)),
            coalesce(v_place.adds, 'null::text[]'), v_place.among, v_place.own, erasure_text_of(v_place.target, v_place.texts))
            using p_rows, v_search.wanted, v_search.needles, p_job, v_search.after
            into v_found;
        if v_search.wanted is not null and v_found.adds <> '{}' then
            v_search.wanted := array(select unnest(v_search.wanted) union select unnest(v_found.adds));
            if v_state = 'running' then
                perform add_erased_names(v_found.adds, p_now);
            end if;
        end if;
        if v_found.rows < p_rows then
            v_search.place := v_search.place + 1;
            v_search.after := null;
        else
            v_search.after := v_found.last;
        end if;
        update jobs set items = items + v_found.put::integer where id = p_job;
    end if;
    if v_search.is_over and v_state = 'searching' then
        update jobs set state = 'planned', planned_at = p_now, is_capped = v_place.target is not null where id = p_job;
    end if;
    update erasure_searches
    set wanted = v_search.wanted, needles = v_search.needles, mails = v_search.mails, maybe = v_search.maybe,
        place = v_search.place, after = v_search.after, is_over = v_search.is_over
    where job = p_job;
    return v_search.is_over;
end
$$;

-- Makes the names of a job that was started known to whoever writes rows, and begins its record. Both hold with the start.
create function begin_erasure(p_job uuid, p_now timestamptz) returns void
language plpgsql security definer as $$
declare
    v_wanted text[];
begin
    select wanted into strict v_wanted from erasure_searches where job = p_job;
    insert into erasures (job, asked_by, why, names, state, started_at)
    select id, asked_by, why, (select count(*) from unnest(v_wanted) n where n not like 'row:%'), 'running', p_now
    from jobs where id = p_job;
    perform add_erased_names(v_wanted, p_now);
    update jobs set why = erasure_mask(why, v_wanted) where id = p_job;
    update erasures e set why = j.why from jobs j where e.job = p_job and j.id = p_job;
end
$$;

-- A row of the outbox. What is pending is left to `process`, which knows the names: money may follow from it. A row of a
-- payment or of a calendar stays without its payload, as evidence that the vendor has shown the object.
create function erase_outbox_row(p_id uuid, p_matched text, p_wanted text[]) returns text
language plpgsql security definer as $$
declare
    v_row record;
begin
    select source, entity, external_id, status, coalesce(sender, '') as sender, content_encoding into strict v_row from outbox where id = p_id;
    if v_row.status = 'pending' then
        return 'later';
    elsif v_row.source not in ('leads', 'events') and v_row.entity in ('charge', 'refund', 'dispute', 'deal', 'event') then
        update outbox set payload = '', content_type = erasure_media(''), query = null, last_error = null where id = p_id;
        return 'redacted';
    elsif p_matched = 'named' and v_row.content_encoding is null
          and (case when v_row.source = 'leads' then exists (select from leads l where l.id in (p_id, v_row.external_id::uuid))
                   when v_row.source = 'events'
                   then exists (select from events e where e.event_id = v_row.external_id and e.sender = v_row.sender)
                   else exists (select from contacts c where c.source = v_row.source and c.external_id = v_row.external_id) end) then
        update outbox set payload = erasure_mask(payload, p_wanted), query = erasure_mask(query, p_wanted),
                          last_error = erasure_mask(last_error, p_wanted)
        where id = p_id;
        return 'masked';
    end if;
    delete from outbox where id = p_id;
    return 'deleted';
end
$$;

-- Erases one row, and says what was done: deleted, redacted, masked; later, if somebody holds it or it is pending; gone; null if
-- it has nothing of the person any more.
create function erase_row(p_target text, p_key text[], p_wanted text[], p_needles text[]) returns text
language plpgsql security definer as $$
declare
    v_place    record;
    v_is_it    text;
    v_matched  text;
    v_rows     integer;
    v_is_there boolean;
begin
    select * into strict v_place from erasure_places() where target = p_target;
    v_is_it := erasure_key_is(v_place.keys, v_place.types);
    execute format('select case when %s then erasure_match(%s, %s, $2, $3) end from %I t where %s for update skip locked',
                   v_place.among, v_place.own, erasure_text_of(p_target, v_place.texts), p_target, v_is_it)
        using p_key, p_wanted, p_needles into v_matched;
    get diagnostics v_rows = row_count;
    if v_rows = 0 then
        execute format('select exists (select from %I t where %s)', p_target, v_is_it) using p_key into v_is_there;
        return case when v_is_there then 'later' else 'gone' end;
    elsif v_matched is null then
        return null;
    elsif p_target = 'payments' then
        update payments set raw = '' where source = p_key[1] and kind = p_key[2] and external_id = p_key[3];
        return 'redacted';
    elsif p_target = 'calendar_events' then
        update calendar_events set raw = '', summary = null where source = p_key[1] and calendar_id = p_key[2] and external_id = p_key[3];
        return 'redacted';
    elsif p_target = 'outbox' then
        return erase_outbox_row(p_key[1]::uuid, v_matched, p_wanted);
    elsif p_target in ('conflicting_events', 'dead_letters', 'idempotency_keys')
          or v_matched = 'own' and p_target in ('contacts', 'leads', 'events', 'failed_attempts', 'refetch_requests') then
        execute format('delete from %I t where %s', p_target, v_is_it) using p_key;
        return 'deleted';
    elsif p_target = 'job_items' and v_matched = 'own' then
        execute format('update job_items t set key = ''{}'', reason = erasure_mask(reason, $2) where %s', v_is_it) using p_key, p_wanted;
        return 'masked';
    end if;
    -- Nobody can look into a body that is compressed, so it goes.
    execute format('update %I t set %s where %s', p_target,
                   (select string_agg(case when p_target = 'leads' and c = 'body'
                                           then 'body = case when content_encoding is null then erasure_mask(body, $2) else '''' end'
                                           else format('%1$I = erasure_mask(%1$I, $2)', c) end, ', ')
                    from unnest(v_place.texts) c), v_is_it)
        using p_key, p_wanted;
    return 'masked';
end
$$;

-- Works the next items behind p_after, and returns how many were looked at, and the last. Items lose their keys with that.
create function erase_items(p_job uuid, p_after integer, p_items integer, p_now timestamptz, out looked_at integer, out last integer)
language plpgsql security definer as $$
declare
    v_search erasure_searches;
    v_item   record;
    v_done   text;
    v_count  text;
    v_counts jsonb;
begin
    looked_at := 0;
    perform from jobs where id = p_job and state = 'running' for no key update;
    if not found then
        return;
    end if;
    select * into strict v_search from erasure_searches where job = p_job;
    select counts into strict v_counts from erasures where job = p_job for update;
    for v_item in
        select place, target, key from job_items where job = p_job and state = 'waiting' and place > p_after order by place limit p_items
    loop
        looked_at := looked_at + 1;
        last := v_item.place;
        v_done := erase_row(v_item.target, v_item.key, v_search.wanted, v_search.needles);
        continue when v_done = 'later';
        update job_items
        set key = '{}', sent_at = p_now, state = case when v_done in ('deleted', 'redacted', 'masked') then 'done' else 'skipped' end,
            reason = case when v_done is null then 'it names the person no more' when v_done = 'gone' then 'it is gone' end
        where job = p_job and place = v_item.place;
        if v_done in ('deleted', 'redacted', 'masked') then
            v_count := v_item.target || ' ' || v_done;
            v_counts := v_counts || jsonb_build_object(v_count, coalesce((v_counts ->> v_count)::bigint, 0) + 1);
        end if;
    end loop;
    update erasures set counts = v_counts where job = p_job;
end
$$;

-- Takes what names the person out of a job that has ended.
create function forget_erasure(p_job uuid, p_now timestamptz) returns void
language plpgsql security definer as $$
begin
    update job_items set key = '{}' where job = p_job and key <> '{}';
    update jobs set filter = jsonb_build_object('names', coalesce((select names from erasures where job = p_job), 0)), fingerprint = ''
    where id = p_job;
    update erasures e set state = j.state, ended_at = p_now from jobs j where e.job = p_job and j.id = p_job;
    delete from erasure_searches where job = p_job;
end
$$;

-- Does so for the jobs that were stopped.
create function forget_stopped_erasures(p_now timestamptz) returns void
language plpgsql security definer as $$
begin
    perform forget_erasure(s.job, p_now) from erasure_searches s join jobs j on j.id = s.job where j.state = 'stopped';
end
$$;

-- Goes on with a job: returns `search` if rows are to be looked at, `wait` if items are left or others may not know the names
-- yet, `completed` once a whole search has found nothing that is left. That search begins after all transactions have ended
-- that may have asked for the names before they were there.
create function advance_erasure(p_job uuid, p_now timestamptz) returns text
language plpgsql security definer as $$
declare
    v_search erasure_searches;
begin
    perform from jobs where id = p_job and state = 'running' for no key update;
    if not found then
        return 'wait';
    end if;
    select * into strict v_search from erasure_searches where job = p_job for update;
    if v_search.waits_for is null then
        v_search.waits_for := array(
            select virtualtransaction from pg_locks
            where locktype = 'relation' and relation = 'erased_names'::regclass and pid <> pg_backend_pid()
              and database = (select oid from pg_database where datname = current_database()));
        update erasure_searches set waits_for = v_search.waits_for where job = p_job;
    end if;
    if exists (select from pg_locks where locktype = 'relation' and relation = 'erased_names'::regclass
                                      and virtualtransaction = any (v_search.waits_for)) then
        return 'wait';
    elsif v_search.round = 2 and not v_search.is_over then
        return 'search';
    elsif exists (select from job_items where job = p_job and state = 'waiting') then
        return 'wait';
    elsif v_search.round = 1 then
        update erasure_searches set round = 2, place = 3, after = null, is_over = false where job = p_job;
        return 'search';
    end if;
    update jobs set state = 'completed', ended_at = p_now where id = p_job;
    perform forget_erasure(p_job, p_now);
    return 'completed';
end
$$;

-- The content type of an object of a vendor. The domain has the same word for one that is erased.
create function erasure_media(p_raw bytea) returns text
language sql immutable as $$
    select case when octet_length(p_raw) = 0 then 'application/x-penstock-erased' else 'application/json' end
$$;

-- As in V32, with what says that there is nothing to read any more. The version of an object that stands, as a row of the outbox, locked; nothing if it is gone or held. `place` is the
-- condition on its key.
create or replace function standing_version(p_target text, p_key text[]) returns table (
    outbox_id uuid, source text, entity text, external_id text, version_at timestamptz, payload bytea,
    content_type text, content_encoding text, sender text, query text, place text)
language plpgsql security definer as $$
begin
    if p_target = 'payments' then
        return query select p.outbox_id, p.source, p.kind, p.external_id, p.version_at, p.raw, erasure_media(p.raw), null::text,
                            null::text, null::text, '(source, kind, external_id) = ($3[1], $3[2], $3[3])'
                     from payments p where p.source = p_key[1] and p.kind = p_key[2] and p.external_id = p_key[3]
                     for update skip locked;
    elsif p_target = 'contacts' then
        return query select c.outbox_id, c.source, 'contact', c.external_id, c.version_at, c.raw, 'application/json', null::text,
                            null::text, null::text, '(source, external_id) = ($3[1], $3[2])'
                     from contacts c where c.source = p_key[1] and c.external_id = p_key[2]
                     for update skip locked;
    elsif p_target = 'calendar_events' then
        return query select c.outbox_id, c.source, 'event', c.external_id, c.version_at, c.raw, erasure_media(c.raw), null::text,
                            null::text, null::text, '(source, calendar_id, external_id) = ($3[1], $3[2], $3[3])'
                     from calendar_events c where c.source = p_key[1] and c.calendar_id = p_key[2] and c.external_id = p_key[3]
                     for update skip locked;
    elsif p_target = 'leads' then
        return query select l.outbox_id, 'leads'::text,
                            case l.state when 'accepted' then 'lead' else l.state || '_lead' end, l.id::text, l.received_at, l.body, l.content_type,
                            l.content_encoding, l.sender, l.query, 'id = $3[1]::uuid'
                     from leads l where l.id = p_key[1]::uuid
                     for update skip locked;
    end if;
end
$$;

-- A letter about somebody who was erased says that something failed, and nothing of them. Whoever writes letters may not read
-- payloads, so the table asks.
create function dead_letters_forget() returns trigger
language plpgsql security definer as $$
begin
    if exists (select from erased_names)
       and erasure_match(array['object:' || new.source || ':' || new.external_id] || users_in(erasure_view(new.payload)),
                         case when new.outbox_id is null then erasure_unpacked(erasure_view(new.payload))
                              else erasure_view(new.payload) end || E'\n' || erasure_view(new.error), null, null) is not null then
        new.payload := '';
        new.error := erasure_mask(new.error, null);
        new.reason := erasure_mask(new.reason, null);
        update outbox set payload = '', content_type = erasure_media(''), query = null, last_error = erasure_mask(last_error, null)
        where id = new.outbox_id and octet_length(payload) > 0;
    end if;
    return new;
end
$$;
create trigger dead_letters_forget before insert or update of payload, error on dead_letters
    for each row execute function dead_letters_forget();

-- A caller's own table of these names must not be used with the owner's rights.
do $$
declare
    v_function text;
begin
    foreach v_function in array array['add_erased_names', 'plan_erasure', 'follow_payments', 'search_erasure', 'begin_erasure',
                                      'erase_outbox_row', 'erase_row', 'erase_items', 'forget_erasure', 'forget_stopped_erasures',
                                      'advance_erasure', 'standing_version', 'dead_letters_forget'] loop
        execute format('alter function %I set search_path = %I, pg_temp', v_function, current_schema());
        execute format('revoke execute on function %I from public', v_function);
    end loop;
end
$$;
