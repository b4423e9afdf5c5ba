-- Tables that a release has added begin with a copy of everything.
insert into archive_marks (table_name, epoch, to_tx, revision, manifested)
select table_name, :epoch, 0, 1, 0 from unnest(:tables::text[]) as table_name
order by table_name
on conflict do nothing
