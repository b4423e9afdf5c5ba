-- Connections that are removed.
delete from circuits where source = any(:sources)
