//! A role for each function on the tests' server, with the grants of a deployment.
//!
//! Roles belong to the whole server, and grants to a database. So the roles are made once, and the
//! grants come into each test's database with the template that it is copied from.

use penstock_store::roles::{self, FunctionRole, limits::Idle};
use penstock_store::{Connection, Login};
use secrecy::SecretString;

/// The password of all these roles.
const PASSWORD: &str = "penstock of the tests";

/// Returns the login of `function`, at the address of `owner`'s.
pub(crate) fn login(owner: &Login, function: &str) -> Login {
    assert!(roles::functions().contains(&function), "{function} has no login of its own");
    Login { user: name(function), password: Some(PASSWORD.into()), ..owner.clone() }
}

/// Makes the roles that the server does not have, and grants each what its function needs. Two
/// processes must not do this at the same time.
pub(crate) async fn make(connection: &mut Connection) {
    let password = SecretString::from(PASSWORD);
    let named: Vec<_> = roles::functions().into_iter().map(|of| (of, name(of))).collect();
    let wanted: Vec<_> = named
        .iter()
        .map(|(function, name)| FunctionRole { function, name, password: Some(&password) })
        .collect();
    roles::apply(connection, &wanted, Idle::default()).await.expect("the roles of the functions");
}

fn name(function: &str) -> String {
    format!("penstock_tests_{function}")
}
