-- Connected accounts of the connection that are no connections themselves.
delete from strange_accounts where source = :source
