//! The port of the HTTP API and its keys stay the same from run to run, in `.local/run.json`.
//!
//! So a command that was copied once works in the next run too. Without the file there are new
//! keys. They open nothing but the stack of `make run` on this machine.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::stack::StackError;

/// The port if the file names no other.
const PORT: u16 = 8787;

/// The contents of the file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    /// The port of the HTTP API. It may be changed in the file.
    pub(super) port: u16,
    /// The key that reads, without its mark.
    pub(super) read: String,
    /// The key that sends, without its mark.
    pub(super) ingest: String,
    /// The secret that makes the keys' marks. Under another one they would be refused.
    pub(super) key_secret: String,
}

impl Kept {
    /// Reads the file, or makes it if it is missing or cannot be read as one.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the system has no random bytes.
    pub(super) fn read_or_make(path: &Path) -> io::Result<Self> {
        let text = fs::read(path).unwrap_or_default();
        if let Ok(kept) = serde_json::from_slice(&text) {
            return Ok(kept);
        }
        let kept = Self {
            port: PORT,
            read: format!("penstock_read_{}", random()?),
            ingest: format!("penstock_ingest_{}", random()?),
            key_secret: random()?,
        };
        kept.write(path)?;
        Ok(kept)
    }

    /// Starts a server on the port. If the port is taken, the server gets a free one, and there is
    /// a sentence that says so and names `file`.
    ///
    /// # Errors
    ///
    /// Those of `start`, except the one for a port that is taken.
    pub(super) async fn on_port<T>(
        &self,
        file: &str,
        start: impl AsyncFn(u16) -> Result<T, StackError>,
    ) -> Result<(T, Option<String>), StackError> {
        match start(self.port).await {
            Err(StackError::Process { source, .. }) if source.kind() == ErrorKind::AddrInUse => {
                let port = self.port;
                let note = format!(
                    "         port {port} is taken, so this run has a free one; {file} may name another"
                );
                Ok((start(0).await?, Some(note)))
            }
            started => Ok((started?, None)),
        }
    }

    /// Writes the file anew. Only its owner may read it.
    fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        file.write_all((text + "\n").as_bytes())
    }
}

/// Returns 43 random characters, as `make key` does.
fn random() -> io::Result<String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("no random bytes"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("penstock-{}-{name}.json", std::process::id()))
    }

    #[test]
    fn the_second_run_has_the_port_and_the_keys_of_the_first() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = file("kept");
        let first = Kept::read_or_make(&path).unwrap();
        let second = Kept::read_or_make(&path).unwrap();
        assert_eq!(second.port, first.port);
        assert_eq!([&second.read, &second.ingest], [&first.read, &first.ingest]);
        assert_eq!(second.key_secret, first.key_secret);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "others may read");
        fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_replaced_for_this_run_and_a_sentence_says_so() {
        let start = async |port| {
            let bound = std::net::TcpListener::bind(("127.0.0.1", port));
            bound.map_err(|source| StackError::Process { what: "the gateway", source })
        };
        let taken = start(0).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let text = || String::new();
        let kept = Kept { port, read: text(), ingest: text(), key_secret: text() };
        let (other, note) = kept.on_port(".local/run.json", start).await.unwrap();
        assert_ne!(other.local_addr().unwrap().port(), port);
        let note = note.unwrap();
        assert!(note.contains(&format!("port {port} is taken")), "{note}");
        assert!(note.contains(".local/run.json"), "{note}");
        drop(taken);
        let (own, note) = kept.on_port(".local/run.json", start).await.unwrap();
        assert_eq!((own.local_addr().unwrap().port(), note), (port, None));
    }

    #[test]
    fn a_port_that_is_written_into_the_file_is_kept_and_a_broken_file_is_replaced() {
        let path = file("changed");
        let kept = Kept::read_or_make(&path).unwrap();
        Kept { port: 9000, ..kept.clone() }.write(&path).unwrap();
        let changed = Kept::read_or_make(&path).unwrap();
        assert_eq!((changed.port, &changed.read), (9000, &kept.read));
        fs::write(&path, "{\"port\": ").unwrap();
        assert_ne!(Kept::read_or_make(&path).unwrap().read, kept.read);
        fs::remove_file(path).unwrap();
    }
}
