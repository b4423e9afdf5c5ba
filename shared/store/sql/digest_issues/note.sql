-- Writes down how issues are, a row each.
insert into digest_issues (issue, what, began_at, ended_at, is_told, told_at)
select * from unnest(:issues, :whats, :began_ats, :ended_ats, :are_told, :told_ats)
on conflict (issue) do update
set what = excluded.what, began_at = excluded.began_at, ended_at = excluded.ended_at, is_told = excluded.is_told,
    told_at = excluded.told_at
