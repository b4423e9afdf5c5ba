-- The list of files is written, as of a revision.
update archive_marks set manifested = :revision where table_name = :table_name and manifested < :revision
