-- Most days of a window are one file each: then their rows need no order. Those of a larger day are sorted as before, to find
-- where its files begin and end.
create or replace function archive_parts(p_table text, p_from bigint, p_to bigint, p_bytes bigint)
returns table (day date, part integer, first_id text, last_id text, rows bigint, bytes bigint)
language plpgsql stable as $$
declare
    v_days date[];
    v_firsts text[];
    v_lasts text[];
    v_rows bigint[];
    v_bytes bigint[];
begin
    execute format(
        'select array_agg(d.day), array_agg(d.first_id), array_agg(d.last_id), array_agg(d.rows), array_agg(d.bytes)
         from (select (arrived_at at time zone ''UTC'')::date as day, min(row_key)::text as first_id, max(row_key)::text as last_id,
                      count(*) as rows, sum(stored_bytes)::bigint as bytes
               from %I where tx >= $1 and tx < $2 group by 1 order by 1) d', 'analytics_' || p_table)
        into v_days, v_firsts, v_lasts, v_rows, v_bytes
        using p_from, p_to;
    for i in 1 .. coalesce(cardinality(v_days), 0) loop
        if v_bytes[i] <= p_bytes then
            return query select v_days[i], 0, v_firsts[i], v_lasts[i], v_rows[i], v_bytes[i];
        else
            return query execute format(
                'select $4, (row_number() over (order by nth) - 1)::integer, first_id, last_id, rows, bytes
                 from (select nth, min(row_key)::text as first_id, max(row_key)::text as last_id, count(*) as rows,
                              sum(stored_bytes)::bigint as bytes
                       from (select row_key, stored_bytes,
                                    (sum(stored_bytes) over (order by row_key) - stored_bytes) / $3 as nth
                             from %I
                             where tx >= $1 and tx < $2 and arrived_at >= $4::timestamp at time zone ''UTC''
                               and arrived_at < ($4 + 1)::timestamp at time zone ''UTC'') n
                       group by nth) p
                 order by 2', 'analytics_' || p_table)
                using p_from, p_to, p_bytes, v_days[i];
        end if;
    end loop;
end
$$;
