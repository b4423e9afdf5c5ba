//! The system's Chromium, driven by Playwright for Python. The programs that drive it share
//! `chromium.py`.

use std::path::{Path, PathBuf};

use penstock_edge::config;
use tokio::process::Command;

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
        let env = config::from_process();
        let path = env.optional("PATH").unwrap_or_default();
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let all = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let chromium = all.into_iter().find(|program| program.is_file())?;
        let st = env.optional("PENSTOCK_SCHEMATHESIS")?;
        let python = Path::new(&st).with_file_name("python");
        python.is_file().then_some(Self { chromium, python })
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
