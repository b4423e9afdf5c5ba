//! The picture of the states, from the table.

use super::{Guard, RULES, State};

/// Returns the states and rules as a diagram of mermaid. Rules that change no state are left out.
#[must_use]
pub fn mermaid() -> String {
    let mut lines = vec!["stateDiagram-v2".to_owned(), "    [*] --> pending".to_owned()];
    for rule in RULES {
        for from in rule.from.iter().filter(|from| **from != rule.to) {
            let when: Vec<_> = rule.when.iter().copied().map(Guard::as_str).collect();
            let when =
                if when.is_empty() { String::new() } else { format!(" [{}]", when.join(", ")) };
            let (from, to, on) = (from.as_str(), rule.to.as_str(), rule.on.as_str());
            lines.push(format!("    {from} --> {to} : {on}{when}"));
        }
    }
    let finals = State::ALL.into_iter().filter(|state| state.is_final());
    lines.extend(finals.map(|state| format!("    {} --> [*]", state.as_str())));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_in_the_docs_is_that_of_the_table() {
        let page = include_str!("../../../../docs/adr/0062-transactions.md");
        assert!(page.contains(&format!("```mermaid\n{}```", mermaid())), "{}", mermaid());
    }

    #[test]
    fn the_picture_names_every_state() {
        let picture = mermaid();
        for state in State::ALL {
            assert!(picture.contains(state.as_str()), "{picture}");
        }
    }
}
