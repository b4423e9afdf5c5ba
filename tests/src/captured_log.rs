//! The log lines of the functions, as a test that runs them in its own process sees them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once, PoisonError};

use penstock_edge::telemetry::format;
use tracing::Level;
use tracing::subscriber::DefaultGuard;

/// Collects what is logged on the current thread for as long as this value lives.
#[must_use]
pub struct CapturedLog {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Has every log line of this process go somewhere, once. Without it a line that another thread
/// writes for the first time just as a test begins to listen is off for good: tracing keeps for
/// each line whether anybody listened.
pub fn listen() {
    static ONCE: Once = Once::new();
    // An error means that another subscriber listens already.
    ONCE.call_once(|| {
        drop(tracing::subscriber::set_global_default(tracing_subscriber::registry()))
    });
}

impl CapturedLog {
    /// Starts to collect, at the level that a deployment has by default.
    pub fn start() -> Self {
        listen();
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = format::subscriber(Level::INFO, move || writer.clone());
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// Returns the text of all lines so far.
    pub fn text(&self) -> String {
        let bytes = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
