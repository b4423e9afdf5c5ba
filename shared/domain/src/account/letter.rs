//! Mails that carry a link.

use super::link::Kind;

/// A mail to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line without control characters.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as a page.
    pub html: String,
}

impl Letter {
    /// Writes the mail that carries a link of a kind.
    #[must_use]
    pub fn with_link(kind: Kind, url: &str) -> Self {
        let (subject, lead) = match kind {
            Kind::SignIn => ("Sign in to Penstock", "This link signs you in to Penstock."),
            Kind::Invite => (
                "You are invited to Penstock",
                "You are invited to Penstock. Choose a password to make your account.",
            ),
            Kind::Reset => (
                "A new password for Penstock",
                "Somebody has asked for a new password for your account. Your old one works until you choose another.",
            ),
        };
        let lasts = match kind {
            Kind::SignIn | Kind::Reset => "It works once, for an hour.",
            Kind::Invite => "It works once, for seven days.",
        };
        let ignore = "If you did not expect this mail, you need not do anything.";
        let safe = escaped(url);
        Self {
            subject: subject.to_owned(),
            text: format!("{lead}\n\n{url}\n\n{lasts} {ignore}\n"),
            html: format!(
                "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{subject}</title>\
                 <p>{lead}</p><p><a href=\"{safe}\">{safe}</a></p><p>{lasts} {ignore}</p></html>"
            ),
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_has_its_link_in_both_forms_and_says_how_long_it_works() {
        for kind in Kind::ALL {
            let url = "https://api.example.com/console/link?token=abc";
            let letter = Letter::with_link(kind, url);
            assert!(letter.text.contains(url) && letter.html.contains(&format!("href=\"{url}\"")));
            assert!(letter.text.contains("It works once, for"));
            assert!(!letter.subject.contains(char::is_control));
        }
    }

    #[test]
    fn a_link_cannot_leave_its_place_in_the_page() {
        let letter = Letter::with_link(Kind::Reset, "https://a/\"><script>&");
        assert!(letter.html.contains("href=\"https://a/&quot;&gt;&lt;script&gt;&amp;\""));
    }
}
