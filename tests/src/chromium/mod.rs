//! The system's Chromium, driven by Playwright for Python. The programs that drive it share
//! `chromium.py`.

use std::path::{Path, PathBuf};

use penstock_edge::config;
use tokio::process::Command;

use crate::repository::installed;

/// The programs that go through pages as people do.
#[derive(Debug, Clone)]
pub struct Tools {
    chromium: PathBuf,
    python: PathBuf,
}

/// The sentence for a machine without it.
pub const MISSING: &str =
    "no browser has read the console: `apt-get install chromium` and `make setup` bring it";

impl Tools {
    /// Finds the browser and the program that drives it. `None` if one of them is not installed.
    #[must_use]
    pub fn find() -> Option<Self> {
        let path = config::from_process().optional("PATH").unwrap_or_default();
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let all = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let chromium = all.into_iter().find(|program| program.is_file())?;
        let python = installed("python").filter(|program| program.is_file())?;
        Some(Self { chromium, python })
    }

    /// A program of this crate that drives the browser; its first argument is the browser's path.
    #[must_use]
    pub fn program(&self, path: &str) -> Command {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut program = Command::new(&self.python);
        program
            .arg(own.join(path))
            .arg(&self.chromium)
            .env("PYTHONPATH", own.join("src/chromium"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .kill_on_drop(true);
        program
    }
}
