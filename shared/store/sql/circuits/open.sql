-- Opens a circuit, or keeps it open for longer. Of several invocations that fail at the same time, the first one counts:
-- `:known` is how many failures there were when this one began.
insert into circuits as c (source, failures, since, rests_until, why)
values (:source, :known + 1, :now, :rests_until, :why)
on conflict (source) do update
set failures = excluded.failures, rests_until = excluded.rests_until, why = excluded.why
where c.failures = :known
