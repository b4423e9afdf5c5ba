//! Errors as text for the log.

/// Returns an error and its causes in one line, for the log at the boundary.
///
/// Only the first line of each is taken: Postgres' DETAIL, which carries values of rows, stands in
/// the second one.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    let lines = causes.map(|e| e.to_string().lines().next().unwrap_or_default().to_owned());
    lines.collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[test]
    fn a_chain_is_one_line_of_the_first_lines_and_leaves_postgres_detail_out() {
        #[derive(Debug)]
        struct Text(&'static str, Option<Box<Text>>);
        impl fmt::Display for Text {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }
        impl std::error::Error for Text {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                self.1.as_deref().map(|cause| cause as _)
            }
        }
        let inner = Text("ERROR: no\nDETAIL: Failing row contains (secret)", None);
        let outer = Text("statement outbox.insert failed", Some(Box::new(inner)));
        assert_eq!(chain(&outer), "statement outbox.insert failed: ERROR: no");
    }
}
