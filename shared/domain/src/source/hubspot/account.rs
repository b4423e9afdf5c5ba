//! The portal's own currency, in which deals are that name none
//! (developers.hubspot.com/docs/api-reference/latest/account/account-information/get-account-details).

use std::borrow::Cow;

use serde::Deserialize;

use super::{DEAL, HubSpot, VERSION, list};
use crate::paging::{PageError, Paging, Reply, Request, parse_body};
use crate::source::{AccountRules, OwnAccount};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    #[serde(borrow)]
    company_currency: Cow<'a, str>,
}

impl AccountRules for HubSpot {
    /// Every app may ask for it, whatever its scopes.
    fn request(&self, paging: &Paging) -> Option<Request> {
        let version = paging.version.as_deref().unwrap_or(VERSION);
        Some(Request::get(format!("/account-info/{version}/details"), Vec::new()))
    }

    fn setting(&self) -> Option<&'static str> {
        Some("CURRENCY")
    }

    fn read(&self, reply: Reply<'_>) -> Result<OwnAccount, PageError> {
        let details: Details<'_> = match parse_body(reply.body) {
            Ok(details) => details,
            Err(e) => return list::no_error_inside(reply.body).and(Err(e)),
        };
        let currency = details.company_currency.trim().parse();
        // Not with the text itself: it is the vendor's, and of any length.
        let currency = currency.map_err(|_| PageError::Malformed {
            bytes: reply.body.len(),
            reason: "companyCurrency is no currency of ISO 4217".to_owned(),
        })?;
        Ok(OwnAccount { livemode: None, currency: Some(currency) })
    }

    fn counted_in_currency(&self) -> &'static [&'static str] {
        &[DEAL]
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn read(body: &str) -> Result<Option<String>, String> {
        let reply = Reply { as_of: Timestamp::UNIX_EPOCH, body: body.as_bytes() };
        let own = HubSpot.read(reply).map_err(|e| e.to_string())?;
        Ok(own.currency.map(|currency| currency.to_string()))
    }

    #[test]
    fn trap_68_the_portals_currency_is_read_and_what_is_none_is_an_error() {
        let details = r#"{"portalId":12345678,"accountType":"STANDARD","timeZone":"Europe/Berlin",
            "companyCurrency":"EUR","additionalCurrencies":["USD"],"utcOffset":"+01:00"}"#;
        assert_eq!(read(details), Ok(Some("EUR".to_owned())));
        for (body, error) in [
            (r#"{"companyCurrency":"XBT"}"#, "companyCurrency is no currency of ISO 4217"),
            (r#"{"portalId":1}"#, "it is of another shape"),
            (r#"{"companyCurrency":null}"#, "it is of another shape"),
            (r#"{"status":"error","message":"no","category":"MISSING_SCOPES"}"#, "MISSING_SCOPES"),
            ("<html>", "it is not JSON"),
        ] {
            let said = read(body).unwrap_err();
            assert!(said.contains(error), "{body}: {said}");
        }
    }
}
