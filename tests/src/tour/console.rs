//! The console: an account for whoever runs the tour, and a link that signs in once.

use super::TourError;
use super::set_up::Tour;
use crate::stack::{Gateway, Person, Stack, StackError};

/// The pages that `ONCE` reads.
const PAGES: [&str; 6] = [
    "/console",
    "/console/revenue",
    "/console/runs",
    "/console/dead-letters",
    "/console/transactions",
    "/console/leads",
];

/// Makes the account, as `make user` does, and returns the link.
pub(super) async fn sign_in_link(stack: &Stack, gateway: &Gateway) -> Result<String, StackError> {
    Person::link(stack, gateway, "you@penstock.example", "admin").await
}

/// Signs in by the link and reads some pages. Returns a line about it.
pub(super) async fn read_pages(tour: &Tour) -> Result<String, TourError> {
    let person = Person::by_link(&tour.gateway, &tour.console).await?;
    for path in PAGES {
        let reply = person.open(&tour.gateway, path).await?;
        if reply.status != 200 || !reply.body.contains("</html>") {
            let told = format!("{path} of the console answers {}", reply.status);
            return Err(TourError::Wrong(told));
        }
    }
    Ok(format!("console: signed in by the link, and read {} pages", PAGES.len()))
}
