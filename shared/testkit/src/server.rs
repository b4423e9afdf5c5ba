//! The Postgres server that the tests run against.

use penstock_store::Login;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use crate::roles;

/// All bytes but `unreserved` of RFC 3986: a password may hold any of the others.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

const NO_SERVER: &str = "DATABASE_URL is not set: run `make test`, or \
    `python3.11 infra/local/stack.py with --fast --postgres -- cargo test`";

/// The server's address and a login that may create databases. The login's database is the
/// maintenance database.
#[derive(Debug, Clone)]
pub(crate) struct Server(Login);

impl Server {
    /// Reads the server from `DATABASE_URL`.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one setting of the tests; functions get theirs from edge"
    )]
    pub(crate) fn from_environment() -> Self {
        Self::parse(&std::env::var("DATABASE_URL").expect(NO_SERVER))
    }

    fn parse(url: &str) -> Self {
        let config: Config = url.parse().expect("DATABASE_URL is a postgres:// URL");
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            other => panic!("DATABASE_URL must name a host reached by TCP, not {other:?}"),
        };
        Self(Login {
            host,
            port: config.get_ports().first().copied().unwrap_or(5432),
            database: config.get_dbname().unwrap_or("postgres").to_owned(),
            user: config.get_user().expect("DATABASE_URL names a user").to_owned(),
            password: config
                .get_password()
                .map(|p| SecretString::from(String::from_utf8_lossy(p).into_owned())),
        })
    }

    /// Returns the login to one of the server's databases.
    pub(crate) fn login(&self, database: &str) -> Login {
        Login { database: database.to_owned(), ..self.0.clone() }
    }

    /// Returns the login of a function to one of the server's databases.
    pub(crate) fn login_of(&self, function: &str, database: &str) -> Login {
        roles::login(&self.login(database), function)
    }

    /// Opens a connection to the maintenance database, from which others are created and dropped.
    pub(crate) async fn admin(&self) -> Client {
        connect(&self.0).await
    }
}

/// Opens a connection outside any pool, served by a task of the current runtime.
pub(crate) async fn connect(login: &Login) -> Client {
    let mut config = Config::new();
    config.host(&login.host).port(login.port).dbname(&login.database).user(&login.user);
    if let Some(password) = &login.password {
        config.password(password.expose_secret());
    }
    let (client, connection) = match config.connect(NoTls).await {
        Ok(connected) => connected,
        Err(e) => {
            panic!("no connection to {}:{}/{}: {e:?}", login.host, login.port, login.database)
        }
    };
    tokio::spawn(connection);
    client
}

/// Returns the login as the URL that a function reads from its environment.
pub(crate) fn url(login: &Login) -> String {
    let Login { host, port, database, user, .. } = login;
    let password =
        login.password.as_ref().map(|p| format!(":{}", percent_encoded(p.expose_secret())));
    format!(
        "postgres://{}{}@{host}:{port}/{database}",
        percent_encoded(user),
        password.unwrap_or_default()
    )
}

fn percent_encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ESCAPED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_was_parsed_reads_the_same_when_written() {
        let given = "postgres://admin:p%40ss%2Fword@127.0.0.1:5433/postgres";
        assert_eq!(url(&Server::parse(given).0), given);
    }
}
