-- What is known stays, because rows may wait for it. The next run asks the vendor before it begins.
update vendor_accounts set asked_at = 'epoch' where source = any(:sources)
