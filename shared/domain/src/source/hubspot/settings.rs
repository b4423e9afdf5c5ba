//! The settings of a deployment for reading HubSpot's rows.

use std::collections::BTreeMap;

use crate::config::{ConfigError, Env};
use crate::money::{Currency, MoneyError};
use crate::payment::Status;
use crate::record::RowView;

/// Facts that the portal's own data does not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// The meaning of deal stages for money, in place of the defaults in `stages.rs`.
    pub deal_stages: BTreeMap<String, Status>,
    /// The currency of deals that name none, in place of the portal's own.
    pub currency: Option<Currency>,
}

/// The stage map's variable.
const STAGES: &str = "HUBSPOT_DEAL_STAGES";

/// The variable that is the last word on the portal's currency.
const CURRENCY: &str = "HUBSPOT_CURRENCY";

impl Settings {
    /// `HUBSPOT_DEAL_STAGES` is `stage=status` with commas between, such as
    /// `1234=collected,5678=failed`; `HUBSPOT_CURRENCY` is an ISO 4217 code. Both may be missing.
    ///
    /// # Errors
    /// If a variable cannot be used; the error names it.
    pub(super) fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let currency = match env.optional(CURRENCY) {
            Some(code) => {
                Some(code.parse().map_err(|e: MoneyError| invalid(CURRENCY, e.to_string()))?)
            }
            None => None,
        };
        Ok(Self { deal_stages: stages(&env.or(STAGES, ""))?, currency })
    }

    /// The currency of deals that name none; `None` if HubSpot has not said it and no setting does.
    pub(super) fn currency_of(&self, row: RowView<'_>) -> Option<Currency> {
        self.currency.or(row.own.currency)
    }
}

fn stages(text: &str) -> Result<BTreeMap<String, Status>, ConfigError> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let read = |pair: &str| {
        let (stage, status) = pair
            .rsplit_once('=')
            .ok_or_else(|| invalid(STAGES, format!("{pair:?} has no \"=\"")))?;
        let status = Status::parse(status.trim())
            .ok_or_else(|| invalid(STAGES, format!("{status:?} is no status")))?;
        Ok((stage.trim().to_owned(), status))
    };
    pairs.map(read).collect()
}

fn invalid(name: &str, reason: String) -> ConfigError {
    ConfigError::Invalid { name: name.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_map_names_stages_and_statuses_and_what_it_cannot_use() {
        let read = |text: &str| Settings::from_env(&[(STAGES, text)].into_iter().collect());
        let settings = read(" won=collected , 12=failed,").unwrap();
        assert_eq!(settings.deal_stages["won"], Status::Collected);
        assert_eq!(settings.deal_stages["12"], Status::Failed);
        assert_eq!(read("").unwrap(), Settings::default());
        let xbt = Settings::from_env(&[(CURRENCY, "xbt")].into_iter().collect());
        assert_eq!(
            xbt.unwrap_err().to_string(),
            "HUBSPOT_CURRENCY cannot be used: XBT is no currency of ISO 4217 in which amounts are counted"
        );
        assert_eq!(
            read("won").unwrap_err().to_string(),
            "HUBSPOT_DEAL_STAGES cannot be used: \"won\" has no \"=\""
        );
        assert_eq!(
            read("won=win").unwrap_err().to_string(),
            "HUBSPOT_DEAL_STAGES cannot be used: \"win\" is no status"
        );
    }
}
