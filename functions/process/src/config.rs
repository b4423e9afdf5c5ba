//! The settings of an operator.

use penstock_domain::config::{ConfigError, Env};

/// Whether ties are refetched, for all sources: `REFETCH_TIES` (false), or by its older name
/// `STRIPE_REFETCH_TIES`.
///
/// # Errors
/// [`ConfigError::Invalid`] if the variable is neither `true` nor `false`.
pub fn refetches_ties(env: &Env) -> Result<bool, ConfigError> {
    let older = env.parsed_or("STRIPE_REFETCH_TIES", false)?;
    env.parsed_or("REFETCH_TIES", older)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_name_counts_where_the_other_is_not_set() {
        let read = |set: &[(&str, &str)]| refetches_ties(&set.iter().copied().collect());
        for (set, expected) in [
            (&[][..], false),
            (&[("STRIPE_REFETCH_TIES", "true")], true),
            (&[("REFETCH_TIES", "true")], true),
            (&[("REFETCH_TIES", "false"), ("STRIPE_REFETCH_TIES", "true")], false),
        ] {
            assert_eq!(read(set), Ok(expected), "{set:?}");
        }
        assert!(read(&[("REFETCH_TIES", "yes")]).is_err());
    }
}
