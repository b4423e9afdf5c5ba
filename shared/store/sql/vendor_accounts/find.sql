-- Read once an invocation of fetch.
select livemode, currency, asked_at from vendor_accounts where source = :source
