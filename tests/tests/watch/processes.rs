//! Processes of this machine, from `/proc`.

use std::fs::read_to_string;

/// A process. Its id alone may later name another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub id: u32,
    pub name: String,
    parent: u32,
    /// In ticks since the machine was started.
    started_at: u64,
}

impl Process {
    /// Returns the process of an id; `None` if it has ended, even if its parent has not reaped it
    /// yet.
    fn of(id: u32) -> Option<Self> {
        let stat = read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name is in parentheses and may hold any character.
        let (start, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let name = start.split_once('(')?.1.to_owned();
        let (parent, started_at) = (fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?);
        (fields.first() != Some(&"Z")).then_some(Self { id, name, parent, started_at })
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        Self::of(self.id).is_some_and(|now| now.started_at == self.started_at)
    }
}

/// All processes that `root` has started, and those that they have started in turn.
pub fn descendants(root: u32) -> Vec<Process> {
    let ids = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let all: Vec<Process> = ids.filter_map(Process::of).collect();
    let (mut found, mut parents) = (Vec::new(), vec![root]);
    while let Some(parent) = parents.pop() {
        for child in all.iter().filter(|process| process.parent == parent) {
            parents.push(child.id);
            found.push(child.clone());
        }
    }
    found
}
