//! The form of a log line: one JSON object, whose first fields say which work it is of.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use crate::work::Work;

/// Returns a subscriber that writes all lines of `level` and above.
pub fn subscriber<W>(level: Level, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(level)
        .with_writer(writer)
        .map_event_format(Stamped)
        .finish()
}

/// The lines of `tracing`, each with `function`, `request_id` and `trace_id` of its work. A field
/// of the same name that the line has itself stays.
struct Stamped(Format<Json>);

impl<S, N> FormatEvent<S, N> for Stamped
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(work) = Work::current() else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let own = event.metadata().fields();
        writer.write_char('{')?;
        let trace = work.trace.id.to_string();
        let stamps =
            [("function", work.function), ("request_id", &*work.request_id), ("trace_id", &*trace)];
        for (name, text) in stamps.iter().filter(|(name, _)| own.field(name).is_none()) {
            let text = serde_json::to_string(text).map_err(|_| fmt::Error)?;
            write!(writer, "\"{name}\":{text},")?;
        }
        writer.write_str(line.strip_prefix('{').ok_or(fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `log` writes.
    fn lines(log: impl FnOnce()) -> Vec<String> {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(Level::INFO, move || writer.clone()), log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_within_work_names_its_function_request_and_trace_and_no_field_twice() {
        let work = Work::invoked("process", "a\"b", None);
        let trace = work.trace.id.to_string();
        let lines = lines(|| {
            tracing::info!(event = "before", rows = 1);
            work.enter(|| {
                tracing::info!(event = "within", rows = 2);
                tracing::warn!(event = "own", function = "fetch", request_id = "own");
            });
        });
        let read: Vec<Value> = lines.iter().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert!(read[0].get("trace_id").is_none(), "{}", lines[0]);
        assert_eq!((&read[0]["event"], &read[0]["rows"]), (&"before".into(), &1.into()));
        assert_eq!(read[1]["function"], "process");
        assert_eq!(read[1]["request_id"], "a\"b");
        assert_eq!(read[1]["trace_id"], trace);
        assert_eq!((&read[1]["event"], &read[1]["rows"]), (&"within".into(), &2.into()));
        assert_eq!(
            (&read[2]["function"], &read[2]["request_id"]),
            (&"fetch".into(), &"own".into())
        );
        assert_eq!(read[2]["trace_id"], trace);
        for field in ["\"function\":", "\"request_id\":", "\"trace_id\":"] {
            assert_eq!(lines[2].matches(field).count(), 1, "{}", lines[2]);
        }
    }
}
