-- What is known of the account. Rows that still come wait for it, and are deleted before it is.
delete from vendor_accounts where source = :source
