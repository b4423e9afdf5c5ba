-- What was known stays known where the vendor did not say it this time, or where it was asked before
-- the answer that is kept: the one that was asked last counts, not the one that commits last. It
-- returns what has become known, or known otherwise, by this.
with before as (
    select livemode, currency from vendor_accounts where source = :source
),
kept as (
    insert into vendor_accounts as v (source, livemode, currency, unknown, asked_at)
    values (:source, :livemode, :currency, :unknown, :asked_at)
    on conflict (source) do update
    set livemode = case when excluded.asked_at >= v.asked_at then coalesce(excluded.livemode, v.livemode)
                   else coalesce(v.livemode, excluded.livemode) end,
        currency = case when excluded.asked_at >= v.asked_at then coalesce(excluded.currency, v.currency)
                   else coalesce(v.currency, excluded.currency) end,
        unknown = case when excluded.asked_at >= v.asked_at then excluded.unknown else v.unknown end,
        asked_at = greatest(excluded.asked_at, v.asked_at)
    returning livemode, currency
)
select kept.livemode is distinct from before.livemode as mode_changed,
       kept.currency is distinct from before.currency
       -- Nothing has been read without the currency where there is nothing.
       and exists (select from payments where source = :source) as currency_changed
from kept left join before on true
