//! The attempts and deaths that an environment knows of without Postgres.
//!
//! A row is only to blame if a process died of it. Postgres cannot tell that from an outage: in
//! both cases an attempt was committed and did not end. The environment can. While a row is worked
//! alone, a note in the environment's own directory names it. Lambda starts the next process in the
//! same environment and keeps the directory, so that process finds the note of the one that died.
//! Where notes are lost, the row's attempts have a bound of their own.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use penstock_domain::ids::OutboxId;
use uuid::Uuid;

/// Attempts that are remembered at most. The oldest are forgotten, and their rows are worked alone
/// once.
const MOST: usize = 10_000;

/// The attempts of this process, and the notes of those that died before it.
#[derive(Debug, Default)]
pub struct Witness {
    directory: Option<PathBuf>,
    /// This process's own note. It is locked for as long as the process lives.
    note: Mutex<Option<File>>,
    /// Attempts that were begun and have not ended.
    begun: Mutex<Vec<OutboxId>>,
    /// Whether the notes of earlier processes were looked for.
    looked: Mutex<bool>,
}

/// A row is worked alone for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Alone<'a>(&'a Witness);

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.erase();
    }
}

/// The note of a process that died.
#[derive(Debug)]
pub(crate) struct Death {
    /// The row on which the process worked alone.
    pub row: OutboxId,
    path: PathBuf,
    /// Keeps the lock: no other process counts the same death.
    _file: File,
}

impl Death {
    /// Removes the note, whose death is counted.
    pub fn counted(self) {
        drop(fs::remove_file(self.path));
    }
}

impl Witness {
    /// Creates the witness of this environment, whose directory for temporary files outlives its
    /// processes.
    pub fn of_environment() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// Creates a witness whose notes are in a directory within `parent`. Without such a directory
    /// no death is ever known, and a row is guilty only after `MAX_ATTEMPTS`.
    pub fn within(parent: &Path) -> Self {
        let directory = parent.join("penstock-process");
        if let Err(error) = fs::create_dir_all(&directory) {
            tracing::warn!(event = "no_witness", error = error.to_string());
            return Self::default();
        }
        Self { directory: Some(directory), ..Self::default() }
    }

    /// Notes that `row` is worked alone from now on. If the process dies before the returned value
    /// is dropped, that is known.
    pub(crate) fn alone(&self, row: OutboxId) -> Alone<'_> {
        if let Err(error) = self.write(row) {
            tracing::warn!(event = "no_witness", error = error.to_string());
        }
        Alone(self)
    }

    fn write(&self, row: OutboxId) -> std::io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let mut note = held(&self.note);
        if note.is_none() {
            let path = directory.join(Uuid::now_v7().to_string());
            let file = OpenOptions::new().write(true).create_new(true).open(path)?;
            file.lock()?;
            *note = Some(file);
        }
        if let Some(file) = note.as_mut() {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(row.0.to_string().as_bytes())?;
        }
        Ok(())
    }

    /// Erases the note: the process has outlived its work.
    pub(crate) fn erase(&self) {
        if let Some(file) = held(&self.note).as_mut() {
            drop(file.set_len(0));
        }
    }

    /// Returns the deaths that are not counted yet. It looks for them until they are.
    pub(crate) fn deaths(&self) -> Vec<Death> {
        let mut looked = held(&self.looked);
        let Some(directory) = self.directory.as_ref().filter(|_| !*looked) else {
            return Vec::new();
        };
        let notes = fs::read_dir(directory).into_iter().flatten().flatten();
        let deaths: Vec<Death> = notes.filter_map(|note| death(note.path())).collect();
        *looked = deaths.is_empty();
        deaths
    }

    /// Remembers attempts that begin.
    pub(crate) fn begins(&self, rows: &[OutboxId]) {
        let mut begun = held(&self.begun);
        begun.extend(rows);
        let excess = begun.len().saturating_sub(MOST);
        begun.drain(..excess);
    }

    /// Forgets one attempt of each row.
    pub(crate) fn ended(&self, rows: &[OutboxId]) {
        let mut begun = held(&self.begun);
        for row in rows {
            if let Some(place) = begun.iter().position(|begun| begun == row) {
                begun.swap_remove(place);
            }
        }
    }

    /// Returns the rows whose attempts have not ended.
    pub(crate) fn begun(&self) -> Vec<OutboxId> {
        held(&self.begun).clone()
    }
}

/// Reads a note. `None` if its process lives, or had nothing alone in its hands.
fn death(path: PathBuf) -> Option<Death> {
    let mut file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
    file.try_lock().ok()?;
    let mut row = String::new();
    file.read_to_string(&mut row).ok()?;
    match Uuid::parse_str(&row) {
        Ok(row) => Some(Death { row: OutboxId(row), path, _file: file }),
        Err(_) => {
            drop(fs::remove_file(path));
            None
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of the test's own, which is removed with it.
    struct Directory(PathBuf);

    impl Directory {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("witness-{}", Uuid::now_v7()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn row() -> OutboxId {
        OutboxId(Uuid::now_v7())
    }

    fn rows(witness: &Witness) -> Vec<OutboxId> {
        witness.deaths().iter().map(|death| death.row).collect()
    }

    #[test]
    fn the_next_process_knows_on_which_row_the_last_one_died_until_that_is_counted() {
        let directory = Directory::new();
        let (dies, guilty) = (Witness::within(&directory.0), row());
        let alone = dies.alone(guilty);
        let next = Witness::within(&directory.0);
        assert_eq!(rows(&next), [], "it lives");
        std::mem::forget(alone);
        drop(dies);
        let next = Witness::within(&directory.0);
        assert_eq!(rows(&next), [guilty], "Postgres was away, and nothing was counted");
        for death in next.deaths() {
            assert_eq!(death.row, guilty);
            death.counted();
        }
        assert_eq!(rows(&next), []);
        assert_eq!(rows(&Witness::within(&directory.0)), []);
    }

    #[test]
    fn work_that_ended_leaves_no_death_behind() {
        let directory = Directory::new();
        let lived = Witness::within(&directory.0);
        drop(lived.alone(row()));
        drop(lived);
        assert_eq!(rows(&Witness::within(&directory.0)), []);
    }

    #[test]
    fn attempts_are_remembered_until_each_has_ended() {
        let (witness, one, other) = (Witness::default(), row(), row());
        witness.begins(&[one, other]);
        witness.begins(&[one]);
        witness.ended(&[one, other]);
        assert_eq!(witness.begun(), [one]);
        witness.ended(&[one]);
        assert_eq!(witness.begun(), []);
    }
}
