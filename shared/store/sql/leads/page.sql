-- A page of leads, newest first, from before (`before_time`, `before_id`) down to `from`. A filter that is null is none, and
-- an empty one asks for leads without a value. The statement is planned with its values each time, so that each filter
-- uses its own index.
with page as (
    select id, state, conflicts_with, status, assigned_to, first_name, last_name, name, email, phone, company, country,
           language, ip, domain, offer, source_type, marker, creative, click_id, description, sender, content_type,
           received_at
    from leads
    where (received_at, id) < (:before_time, :before_id)
      and received_at >= :from
      and (:state::text is null or state = :state)
      and (:status::text is null or status = :status or (:status = '' and status is null))
      and (:assigned_to::text is null or assigned_to = :assigned_to or (:assigned_to = '' and assigned_to is null))
      and (:sender::text is null or sender = :sender)
      and (:email::text is null or lower(email) = lower(:email))
      and (:phone::text is null or lead_digits(phone) = :phone)
      and (:country::text is null or lower(country) = lower(:country))
      and (:words::text is null or lead_words(name, email, phone, description) @@ to_tsquery('pg_catalog.simple', :words))
    order by received_at desc, id desc
    -- A subselect, so that the planner assumes a tenth of the rows: see sql/events/journey.sql.
    limit (select :limit)
),
measured as (
    select page.*, count(*) over () as found, octet_length(page::text) as size from page
),
summed as (
    select measured.*, sum(size) over (order by received_at desc, id desc rows unbounded preceding) - size as before
    from measured
)
select * from summed
-- The first lead always fits: nothing comes before it.
where before < :bytes
order by received_at desc, id desc
