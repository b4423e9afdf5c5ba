//! Parses a request's parameters as strictly as Stripe does.
//!
//! Sources: <https://docs.stripe.com/api/pagination>, `/api/charges/list`, `/api/refunds/list`,
//! `/api/disputes/list`, `/api/events/list`.

use super::id::Kind;
use super::refusal::Refusal;

/// A collection that can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Charges,
    Refunds,
    Disputes,
    Events,
}

impl Resource {
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "charges" => Self::Charges,
            "refunds" => Self::Refunds,
            "disputes" => Self::Disputes,
            "events" => Self::Events,
            _ => return None,
        })
    }

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Charges => "/v1/charges",
            Self::Refunds => "/v1/refunds",
            Self::Disputes => "/v1/disputes",
            Self::Events => "/v1/events",
        }
    }

    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Charges => Kind::Charge,
            Self::Refunds => Kind::Refund,
            Self::Disputes => Kind::Dispute,
            Self::Events => Kind::Event,
        }
    }

    /// Returns the object's name in error messages.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Charges => "charge",
            Self::Refunds => "refund",
            Self::Disputes => "dispute",
            Self::Events => "event",
        }
    }

    const fn own_parameters(self) -> &'static [&'static str] {
        match self {
            Self::Charges => &["customer", "payment_intent", "transfer_group"],
            Self::Refunds | Self::Disputes => &["charge", "payment_intent"],
            Self::Events => &["type", "types", "delivery_success"],
        }
    }
}

/// The position of a page in its list.
#[derive(Clone, Debug)]
pub(crate) enum Cursor {
    StartingAfter(String),
    EndingBefore(String),
}

/// A parsed list request.
#[derive(Clone, Debug)]
pub(crate) struct ListQuery {
    pub(crate) limit: usize,
    pub(crate) cursor: Option<Cursor>,
    /// The lower bound of `created`, included.
    pub(crate) from: i64,
    /// The upper bound of `created`, excluded.
    pub(crate) to: i64,
    pub(crate) charge: Option<String>,
    pub(crate) payment_intent: Option<String>,
    pub(crate) customer: Option<String>,
    pub(crate) transfer_group: bool,
    pub(crate) types: Vec<String>,
    pub(crate) expand_refunds: bool,
}

impl ListQuery {
    /// Parses a query string.
    pub(crate) fn parse(resource: Resource, query: &str) -> Result<Self, Refusal> {
        let mut list = Self {
            limit: 10,
            cursor: None,
            from: i64::MIN,
            to: i64::MAX,
            charge: None,
            payment_intent: None,
            customer: None,
            transfer_group: false,
            types: Vec::new(),
            expand_refunds: false,
        };
        let mut one_type = false;
        for (key, value) in pairs(query) {
            let base = key.split('[').next().unwrap_or_default();
            let own = resource.own_parameters().contains(&base);
            match (base, key.as_str()) {
                ("limit", "limit") => list.limit = limit(&value)?,
                ("created", _) => list.restrict(&key, &value)?,
                ("starting_after", "starting_after") => {
                    list.place(Cursor::StartingAfter(value))?;
                }
                ("ending_before", "ending_before") => list.place(Cursor::EndingBefore(value))?,
                ("expand", _) => {
                    list.expand_refunds |= resource == Resource::Charges && value == "data.refunds";
                }
                ("charge", "charge") if own => list.charge = Some(value),
                ("payment_intent", "payment_intent") if own => list.payment_intent = Some(value),
                ("customer", "customer") if own => list.customer = Some(value),
                ("transfer_group", "transfer_group") if own => list.transfer_group = true,
                ("delivery_success", "delivery_success") if own => {}
                ("type", "type") if own => {
                    one_type = true;
                    list.types.push(value);
                }
                ("types", _) if own && key.len() > "types".len() => list.types.push(value),
                _ => return Err(Refusal::unknown_parameter(&key)),
            }
        }
        if one_type && list.types.len() > 1 {
            let message = "You may only specify one of these parameters: type, types.";
            return Err(Refusal::bad(message, "parameters_exclusive", "type"));
        }
        if list.types.len() > 20 {
            let message = "Invalid array: types may hold at most 20 event names.";
            return Err(Refusal::bad(message, "parameter_invalid", "types"));
        }
        Ok(list)
    }

    fn place(&mut self, cursor: Cursor) -> Result<(), Refusal> {
        if self.cursor.replace(cursor).is_some() {
            let message = "Received both ending_before and starting_after parameters. \
                           Please pass in only one.";
            return Err(Refusal::bad(message, "parameters_exclusive", "ending_before"));
        }
        Ok(())
    }

    fn restrict(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
        let at = integer(value, key)?;
        match key {
            "created" => {
                self.from = self.from.max(at);
                self.to = self.to.min(at.saturating_add(1));
            }
            "created[gte]" => self.from = self.from.max(at),
            "created[gt]" => self.from = self.from.max(at.saturating_add(1)),
            "created[lt]" => self.to = self.to.min(at),
            "created[lte]" => self.to = self.to.min(at.saturating_add(1)),
            _ => return Err(Refusal::unknown_parameter(key)),
        }
        Ok(())
    }
}

/// Parses the query of a read of one object. Returns whether it asks for a charge's refunds.
pub(crate) fn expands_refunds(query: &str) -> Result<bool, Refusal> {
    let mut asked = false;
    for (key, value) in pairs(query) {
        if !key.starts_with("expand[") {
            return Err(Refusal::unknown_parameter(&key));
        }
        asked |= value == "refunds";
    }
    Ok(asked)
}

fn limit(value: &str) -> Result<usize, Refusal> {
    let limit = integer(value, "limit")?;
    let refuse = |message: &str| Refusal::bad(message, "parameter_invalid_integer", "limit");
    match limit {
        ..1 => Err(refuse("This value must be greater than or equal to 1.")),
        101.. => Err(refuse("This value must be less than or equal to 100.")),
        _ => usize::try_from(limit).map_err(|_| refuse("Invalid integer")),
    }
}

fn integer(value: &str, parameter: &str) -> Result<i64, Refusal> {
    value.parse().map_err(|_| {
        Refusal::bad(&format!("Invalid integer: {value}"), "parameter_invalid_integer", parameter)
    })
}

/// Returns the decoded pairs of a query string.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut hex = || rest.next().and_then(|b| char::from(b).to_digit(16));
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (hex(), hex()) {
                (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(b'?'),
                _ => b'?',
            },
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
