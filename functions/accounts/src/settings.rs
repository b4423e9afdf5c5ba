//! The settings of an operator.

use std::str::FromStr;

use penstock_domain::config::{ConfigError, Env};

/// How a person comes to an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SignUp {
    /// By an operator who invokes the function, and in no other way.
    Closed,
    /// By an admin's invitation.
    #[default]
    Invite,
    /// Anybody makes one, and is a viewer.
    Open,
}

impl FromStr for SignUp {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "closed" => Ok(Self::Closed),
            "invite" => Ok(Self::Invite),
            "open" => Ok(Self::Open),
            _ => Err("it must be closed, invite or open"),
        }
    }
}

/// The settings of `accounts`, from the environment.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How a person comes to an account.
    pub sign_up: SignUp,
    /// Scheme and host under which people call, and the stage if the path has one. `None`: the
    /// request's own `Host`.
    pub public_base_url: Option<String>,
}

impl Settings {
    /// Reads `SIGN_UP` (invite) and `PUBLIC_BASE_URL` (the request's own `Host`).
    ///
    /// # Errors
    /// [`ConfigError`] if `SIGN_UP` is no choice.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self {
            sign_up: env.parsed_or("SIGN_UP", SignUp::default())?,
            public_base_url: env.optional("PUBLIC_BASE_URL"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_invited_unless_the_operator_says_otherwise() {
        let read = |settings: &[(&str, &str)]| {
            Settings::from_env(&settings.iter().copied().collect()).map(|settings| settings.sign_up)
        };
        assert_eq!(read(&[]), Ok(SignUp::Invite));
        for (text, choice) in
            [("closed", SignUp::Closed), ("invite", SignUp::Invite), ("open", SignUp::Open)]
        {
            assert_eq!(read(&[("SIGN_UP", text)]), Ok(choice));
        }
        assert!(read(&[("SIGN_UP", "Open")]).is_err());
    }
}
