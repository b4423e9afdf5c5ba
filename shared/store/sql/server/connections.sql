-- All connections to this database, whoever has opened them. Any role may read the number.
select numbackends::bigint as connections from pg_stat_database where datname = current_database()
