//! Limits of the one login that all functions share, while they do. It owns the tables, and
//! `migrate` and people use it too. So it has only the limits by which a silent session ends, and
//! only in this database.

use super::limits::{self, Idle};
use super::{OwnSettings, assigned, quoted, run};
use crate::sql::Statement;
use crate::{Connection, StoreError, begin, commit};

/// Gives the migrating role these limits if the functions share its login, and takes them from it
/// otherwise. The sessions of `migrate` set them aside.
///
/// # Errors
/// Returns [`StoreError`] if Postgres refuses.
pub async fn limit(
    connection: &mut Connection,
    is_shared: bool,
    idle: Idle,
) -> Result<(), StoreError> {
    let tx = begin(connection).await?;
    let row = (OwnSettings {}).one(&tx).await?;
    let (role, database): (String, String) = (row.read("role")?, row.read("database")?);
    let known: Vec<String> = row.read("settings")?;
    let of = format!("alter role {} in database {}", quoted(&role), quoted(&database));
    let wanted = limits::of_silent(idle);
    let commands: Vec<String> = if is_shared {
        let missing = wanted.iter().filter(|setting| !known.contains(setting));
        missing.map(|setting| format!("{of} set {}", assigned(setting))).collect()
    } else {
        let names = wanted.iter().filter_map(|setting| setting.split_once('='));
        let set =
            |name: &str| known.iter().any(|it| it.split_once('=').is_some_and(|it| it.0 == name));
        names.filter(|(name, _)| set(name)).map(|(name, _)| format!("{of} reset {name}")).collect()
    };
    if !commands.is_empty() {
        run(&tx, "roles.limit_shared", &commands.join(";\n")).await?;
    }
    commit(tx).await
}
