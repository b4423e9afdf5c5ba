-- What a person allowed was meant for the account that was connected then.
delete from held_sweeps where source = any(:sources)
