//! One database role a function: what each may do, and how `migrate` grants it
//! (docs/adr/0037-one-role-a-function.md).
//!
//! Roles and grants are commands, which take no parameters. Names are quoted here, and a password
//! is only ever sent as its SCRAM verifier: a server may log the text of its commands.

use postgres_protocol::password::scram_sha_256;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::error::SqlState;
use tokio_postgres::{GenericClient, Transaction};

use crate::sql::{Statement, statements};
use crate::{Connection, StoreError, begin, commit};
use limits::Idle;

pub mod limits;
pub mod shared;

statements! {
    roles.find: Find<'a> { names: &'a [&'a str] }
    roles.owner: Owner {}
    roles.owned: Owned {}
    roles.tables: Tables {}
    roles.is_migrated: IsMigrated {}
    roles.own_settings: OwnSettings {}
}

/// The grants of all functions, as commands that name a function in place of its role.
pub const GRANTS: &str = include_str!("../sql/roles/grants.sql");

/// The end of the second name that a secret rotated by alternating users has. AWS' rotation
/// function makes that role, and makes it a member of the first.
const ALTERNATE: &str = "_clone";

/// Postgres cuts longer names off.
const LONGEST_NAME: usize = 63;

/// Returns whether the database of this connection has our tables.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn is_migrated(on: &impl GenericClient) -> Result<bool, StoreError> {
    IsMigrated {}.one(on).await?.read("is_migrated")
}

/// A function's login, and the role that it is to be.
#[derive(Debug, Clone)]
pub struct FunctionRole<'a> {
    /// The function that logs in.
    pub function: &'a str,
    /// The role that its secret names.
    pub name: &'a str,
    /// The password to set; `None` if the login works as it is.
    pub password: Option<&'a SecretString>,
}

/// The reason why the roles cannot be made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    /// Postgres failed, or the migrating role may not do this.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secret names a role that Postgres would cut off.
    #[error("the role {0} has more than 63 bytes: name the stack shorter")]
    TooLong(String),
    /// The secret names a role that can do more than log in, such as the one that migrates.
    #[error("the role {0} may do more than a function needs, and its password is left as it is")]
    Powerful(String),
    /// The tables belong to a role that the migrating one cannot act for.
    #[error("the tables belong to {owner}, and {migrator} is no member of that role")]
    NotTheOwner {
        /// The role that owns the tables.
        owner: String,
        /// The role that `migrate` logged in as.
        migrator: String,
    },
    /// The migrating role may not make roles, for example because it is itself an alternate user.
    #[error("the role {name} must be made or changed, and the migrating role may not: {reason}")]
    MayNotMake {
        /// The role that is missing, or whose password is another one.
        name: String,
        /// The words of Postgres.
        reason: String,
    },
}

/// Returns the functions that have grants, in alphabetical order.
pub fn functions() -> Vec<&'static str> {
    let mut functions: Vec<_> = grants().map(|(_, function)| function).collect();
    functions.sort_unstable();
    functions.dedup();
    functions
}

/// The commands of the file up to the login, each with its function.
fn grants() -> impl Iterator<Item = (&'static str, &'static str)> {
    let commands = GRANTS.split(';').map(without_comments);
    commands.filter_map(|command| command.split_once(" to :"))
}

/// Returns a command without the lines of comment before it.
fn without_comments(command: &'static str) -> &'static str {
    let mut rest = command.trim_start();
    while rest.starts_with("--") {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    }
    rest.trim_end()
}

/// Makes the roles that are missing, and gives each what its function needs and nothing else. All
/// of it is one transaction, behind the lock row of the migrations.
///
/// # Errors
/// Returns [`RolesError`] if a role cannot be made, or Postgres fails.
pub async fn apply(
    connection: &mut Connection,
    roles: &[FunctionRole<'_>],
    idle: Idle,
) -> Result<(), RolesError> {
    if let Some(role) = roles.iter().find(|role| role.name.len() > LONGEST_NAME) {
        return Err(RolesError::TooLong(role.name.to_owned()));
    }
    let mut tx = begin(connection).await?;
    run(&tx, "roles.lock", "select from migration_lock for update").await?;
    let tables = (Tables {}).one(&tx).await?.read::<String>("names")?;
    for role in roles {
        let first = role.name.strip_suffix(ALTERNATE).unwrap_or(role.name);
        let known = Find { names: &[role.name, first] }.rows(&tx).await?;
        let mut names = Vec::new();
        for row in &known {
            let name: String = row.read("name")?;
            if row.read::<bool>("is_powerful")? {
                return Err(RolesError::Powerful(name));
            }
            names.push(name);
        }
        let is_there = names.iter().any(|name| name == role.name);
        if let Some(password) = role.password {
            let verb = if is_there { "alter" } else { "create" };
            let verifier = scram_sha_256(password.expose_secret().as_bytes());
            let name = quoted(role.name);
            let command = format!("{verb} role {name} login password '{verifier}'");
            let made = run(&tx, "roles.make", &command).await;
            made.map_err(|error| match may_not(&error) {
                true => {
                    RolesError::MayNotMake { name: role.name.to_owned(), reason: error.reason() }
                }
                false => RolesError::Store(error),
            })?;
        }
        // An alternate user inherits what the first one has, but none of its settings.
        let grantee = names.iter().find(|name| *name == first).map_or(role.name, |_| first);
        grant(&tx, &tables, role.function, grantee).await?;
        limit(&mut tx, role.function, role.name, idle).await?;
        if grantee != role.name {
            limit(&mut tx, role.function, grantee, idle).await?;
        }
    }
    Ok(commit(tx).await?)
}

/// Gives a role the time of its function, if it has another. A role that the migrating one may not
/// change, such as one that AWS' rotation has made, keeps what it has.
async fn limit(
    tx: &mut Transaction<'_>,
    function: &str,
    name: &str,
    idle: Idle,
) -> Result<(), StoreError> {
    let row = Find { names: &[name] }.one(&*tx).await?;
    let wanted = limits::of(function, idle, row.read("knows_all_limits")?);
    let known: Vec<String> = row.read("settings")?;
    let missing = wanted.iter().filter(|setting| !known.contains(setting));
    let role = quoted(name);
    let commands: Vec<String> =
        missing.map(|setting| format!("alter role {role} set {}", assigned(setting))).collect();
    if commands.is_empty() {
        return Ok(());
    }
    let point = tx.savepoint("limits").await.map_err(|e| StoreError::new("roles.limit", e))?;
    match run(&point, "roles.limit", &commands.join(";\n")).await {
        Ok(()) => commit(point).await,
        Err(error) if may_not(&error) => {
            tracing::warn!(event = "limits_not_set", role = name, error = error.reason());
            point.rollback().await.map_err(|e| StoreError::new("roles.limit", e))
        }
        Err(error) => Err(error),
    }
}

/// Whether Postgres refuses a command for want of a right.
fn may_not(error: &StoreError) -> bool {
    error.sql_state() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)
}

/// `name=value` as a command has it.
fn assigned(setting: &str) -> String {
    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
    format!("{name} = '{value}'")
}

/// Gives `role` what `function` needs, and takes everything else.
async fn grant(
    tx: &Transaction<'_>,
    tables: &str,
    function: &str,
    role: &str,
) -> Result<(), StoreError> {
    let role = quoted(role);
    let mut commands = vec![
        format!("revoke all on {tables} from {role}"),
        format!("grant usage on schema public to {role}"),
    ];
    let own = grants().filter(|(_, to)| *to == function);
    commands.extend(own.map(|(command, _)| format!("{command} to {role}")));
    run(tx, "roles.grant", &commands.join(";\n")).await
}

/// Returns the error that refuses a migrating role which does not own the tables, before it has
/// changed anything.
///
/// # Errors
/// Returns [`RolesError::NotTheOwner`] if the role neither owns the tables nor is a member of their
/// owner.
pub async fn check_owner(connection: &Connection) -> Result<(), RolesError> {
    let Some(row) = (Owner {}).optional(&***connection).await? else { return Ok(()) };
    if row.read("is_member")? {
        return Ok(());
    }
    Err(RolesError::NotTheOwner { owner: row.read("name")?, migrator: row.read("migrator")? })
}

/// Gives everything that the migrating role has made to the role that owns the tables: of two users
/// that alternate, one owns all.
///
/// # Errors
/// Returns [`StoreError`] if Postgres refuses.
pub async fn hand_over(connection: &mut Connection) -> Result<(), StoreError> {
    let tx = begin(connection).await?;
    let owner = Owner {}.optional(&tx).await?;
    if let Some(owner) = owner.filter(|row| row.read("is_self").is_ok_and(|own: bool| !own)) {
        let name: String = owner.read("name")?;
        for row in &(Owned {}).rows(&tx).await? {
            let owned: String = row.read("name")?;
            let command = format!("alter {owned} owner to {}", quoted(&name));
            run(&tx, "roles.hand_over", &command).await?;
        }
    }
    commit(tx).await
}

async fn run(tx: &Transaction<'_>, name: &'static str, commands: &str) -> Result<(), StoreError> {
    tx.batch_execute(commands).await.map_err(|e| StoreError::new(name, e))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_file_is_a_grant_to_one_function() {
        let commands = GRANTS.matches(';').count();
        let read: Vec<_> = grants().collect();
        assert_eq!(read.len(), commands, "a command is not of the form `grant … to :function;`");
        for (command, function) in read {
            assert!(command.starts_with("grant ") && !command.contains("--"), "{command}");
            assert!(function.bytes().all(|byte| byte.is_ascii_lowercase()), "{function}");
        }
    }

    #[test]
    fn a_name_cannot_end_its_quotation() {
        assert_eq!(quoted("a\"; drop"), "\"a\"\"; drop\"");
    }
}
