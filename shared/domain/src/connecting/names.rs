//! The names of the secrets of connections: below the prefix of their stack, in two folders.

/// The longest name of a secret, in bytes. Secrets Manager takes 512.
const LONGEST_SECRET_NAME: usize = 400;

/// The folders below the prefix of a stack's secrets. A role may read one and not the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// Keys, which `fetch` reads.
    Keys,
    /// Signing secrets, which `webhook` reads.
    Signing,
}

impl Folder {
    /// The two folders.
    pub const ALL: [Self; 2] = [Self::Keys, Self::Signing];

    /// Returns the name of the folder.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Signing => "signing",
        }
    }

    /// Returns whether `secret` is a name in this folder, or in a folder below it. A step that
    /// leads out of it is none, nor is a name that Secrets Manager would not take.
    #[must_use]
    pub fn holds(self, prefix: &str, secret: &str) -> bool {
        let of_name = |b: u8| b.is_ascii_alphanumeric() || b"_+=.@-".contains(&b);
        let is_step = |step: &str| {
            !step.is_empty() && step != "." && step != ".." && step.bytes().all(of_name)
        };
        let below = secret.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
        let below = below.and_then(|rest| rest.strip_prefix(self.as_str())?.strip_prefix('/'));
        secret.len() <= LONGEST_SECRET_NAME
            && below.is_some_and(|below| below.split('/').all(is_step))
    }
}

/// Returns the name of the secret with the key that a connection got by its change to `revision`.
/// Each key has a name of its own, so that the row names either the old key or the new one, with
/// the settings that belong to it.
#[must_use]
pub fn key_secret(prefix: &str, name: &str, revision: i64) -> String {
    format!("{}/{revision}", key_folder(prefix, name))
}

/// Returns the folder of the keys that were given to a connection.
#[must_use]
pub fn key_folder(prefix: &str, name: &str) -> String {
    format!("{prefix}/{}/{name}", Folder::Keys.as_str())
}

/// Returns the name of the secret with what signs the requests to a connection. `webhook` finds it
/// by the connection's name while Postgres is away.
#[must_use]
pub fn signing_secret(prefix: &str, name: &str) -> String {
    format!("{prefix}/{}/{name}", Folder::Signing.as_str())
}

/// Returns whether a secret was written for the connection called `name`, and by nobody else.
#[must_use]
pub fn is_own(prefix: &str, name: &str, secret: &str) -> bool {
    let numbered = secret
        .strip_prefix(&key_folder(prefix, name))
        .and_then(|rest| rest.strip_prefix('/'))
        .is_some_and(is_number);
    numbered || secret == signing_secret(prefix, name)
}

/// Returns whether a secret has a name as those have that are written for connections.
#[must_use]
pub fn is_written(prefix: &str, secret: &str) -> bool {
    let below = secret.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
    let steps: Vec<&str> = below.unwrap_or_default().split('/').collect();
    match steps.as_slice() {
        [folder, _, number] => *folder == Folder::Keys.as_str() && is_number(number),
        _ => false,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "penstock/prod";

    #[test]
    fn a_secret_is_in_its_folder_by_its_path_and_by_no_step_out_of_it() {
        use Folder::{Keys, Signing};
        for (folder, name, is_in) in [
            (Keys, "penstock/prod/keys/a", true),
            (Keys, "penstock/prod/keys/team/a.b@c", true),
            (Signing, "penstock/prod/signing/a", true),
            (Signing, "penstock/prod/keys/a", false),
            (Keys, "penstock/prod/signing/a", false),
            (Keys, "penstock/prod/keys", false),
            (Keys, "penstock/prod/keys/", false),
            (Keys, "penstock/prod/keys/a/", false),
            (Keys, "penstock/prod/keys//a", false),
            (Keys, "penstock/prod/keys/../signing/a", false),
            (Keys, "penstock/prod/keys/./a", false),
            (Keys, "penstock/prod2/keys/a", false),
            (Keys, "penstock/production/keys/a", false),
            (Keys, "/penstock/prod/keys/a", false),
            (Keys, "penstock/prod/keysa", false),
            (Keys, "penstock/prod/keys/a*", false),
            (Keys, "penstock/prod/keys/a b", false),
            (Keys, "arn:aws:secretsmanager:eu-west-1:1:secret:penstock/prod/keys/a", false),
        ] {
            assert_eq!(folder.holds(PREFIX, name), is_in, "{name}");
        }
        assert!(!Keys.holds(PREFIX, &format!("penstock/prod/keys/{}", "a".repeat(400))));
    }

    #[test]
    fn a_secret_that_was_written_for_a_connection_is_told_from_all_others() {
        let key = key_secret(PREFIX, "a", 7);
        assert_eq!(key, "penstock/prod/keys/a/7");
        for (secret, own, written) in [
            (key.as_str(), true, true),
            ("penstock/prod/signing/a", true, false),
            ("penstock/prod/keys/b/7", false, true),
            ("penstock/prod/keys/a", false, false),
            ("penstock/prod/keys/a/seven", false, false),
            ("penstock/prod/keys/a/7/8", false, false),
            ("penstock/prod/signing/b", false, false),
            ("penstock/prod2/keys/a/7", false, false),
        ] {
            assert_eq!(is_own(PREFIX, "a", secret), own, "{secret}");
            assert_eq!(is_written(PREFIX, secret), written, "{secret}");
        }
    }
}
