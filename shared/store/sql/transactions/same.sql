-- The transaction that has the id already, and whether it is the same.
select status, body_sha256 = :body_sha256 as is_same from transactions where id = :id
