-- By the index calendar_events_by_start, from a time on. A tombstone has no start, and is not listed.
select e.source, e.calendar_id, e.external_id, e.status, e.summary, e.starts_at, e.ends_at, e.start_date, e.end_date,
       e.deleted_at, e.version_at, calendar_start(e.starts_at, e.start_date) as begins_at
from calendar_events e
where calendar_start(e.starts_at, e.start_date) >= :from
  and (:source::text is null or e.source = :source)
  and (:after::timestamptz is null
       or (calendar_start(e.starts_at, e.start_date), e.source, e.calendar_id, e.external_id)
          > (:after, :after_source, :after_calendar, :after_id))
order by calendar_start(e.starts_at, e.start_date), e.source, e.calendar_id, e.external_id
limit :limit
