-- How long the oldest pending row has waited is what the alarm on a stalled pipeline looks at. Of a connection that is
-- removed nobody will say whose the rows are that wait for it, and the rows of one that is erased are deleted.
select min(received_at) as received_at
from outbox
where status = 'pending'
  and source <> all(array(select name from connections where state in ('erasing', 'erased')))
  and (error_kind is distinct from 'waiting'
       or source <> all(array(select name from connections where state = 'removed')))
