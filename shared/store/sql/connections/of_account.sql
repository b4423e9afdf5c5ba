-- The connection of an account whose events come to :connection: its own, or that of an account that its key reads.
select name
from connections
where account = :account and (parent = :connection or name = :connection) and state in ('active', 'paused')
