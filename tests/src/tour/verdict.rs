//! Checks the HTTP API and the tables of each connection against its vendor's own books.

use super::TourError;
use super::books::{self, Books};
use super::money::{counted, grouped};
use super::set_up::Tour;
use crate::vendors::{Compared, Connection};

/// Returns the tables of totals and, if the vendors are simulated, a line for each connection: its
/// rows and sums were compared with what its vendor has.
///
/// # Errors
///
/// [`TourError::Wrong`] with the tables and every difference.
pub(super) async fn compare(tour: &Tour) -> Result<Vec<String>, TourError> {
    let books = books::books(tour).await?;
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for books in &books {
        let (table, behind) = books.table();
        lines.extend(table);
        wrong.extend((behind > 0).then(|| {
            let name = books.connection.name;
            format!("{} of {name} differ from the vendor's own books", counted(behind, CURRENCY))
        }));
    }
    wrong.extend(books::not_adding_up(tour, &books).await?);
    lines.push(String::new());
    if let Some(vendors) = &tour.vendors {
        let mut compared = vendors.compare_payments(&tour.sql()).await?;
        compared.extend(vendors.compare(&tour.sql()).await?);
        lines.extend(tour.connections.iter().map(|one| line(*one, &compared, &books)));
        lines.push("all five add up: by connection, by vendor and altogether".to_owned());
        wrong.extend(
            compared
                .iter()
                .filter(|one| !one.different.is_empty())
                .map(|one| format!("{} of {} differ", one.what, one.connection)),
        );
    }
    if wrong.is_empty() {
        Ok(lines)
    } else {
        Err(TourError::Wrong(format!("{}\n{}", lines.join("\n"), wrong.join("; "))))
    }
}

/// The word for a currency, and for several.
pub(super) const CURRENCY: [&str; 2] = ["currency", "currencies"];

/// Returns the verdict on one connection.
fn line(connection: Connection, compared: &[Compared], books: &[Books]) -> String {
    let of_it = compared.iter().filter(|one| one.connection == connection.name);
    let mut words: Vec<String> = of_it.clone().map(objects).collect();
    for books in books.iter().filter(|books| books.connection == connection) {
        let (count, behind) = (books.currency_count(), books.behind());
        let currencies = counted(count, CURRENCY);
        words.push(if behind == 0 { currencies } else { format!("{currencies}: {behind} WRONG") });
    }
    let is_right = of_it.clone().all(|one| one.different.is_empty());
    let end = if is_right { "; each field as it is there" } else { "" };
    format!("{:<14} {}{end}", connection.name, words.join(", "))
}

fn objects(compared: &Compared) -> String {
    let there = grouped(&compared.there.to_string());
    let named: Vec<&str> = compared.different.iter().take(5).map(String::as_str).collect();
    match compared.different.len() {
        0 => format!("{there} {}", compared.what),
        n => format!("{there} {}: {n} WRONG, such as {}", compared.what, named.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_told_with_its_objects_and_those_that_differ_are_named() {
        let portal = Connection::declared("hubspot");
        let of =
            |connection, what, there, different| Compared { connection, what, there, different };
        let mut compared = vec![
            of("hubspot", "contacts", 2_500, Vec::new()),
            of("hubspot", "deals", 1_200, Vec::new()),
            of("gcal", "calendar events", 9, vec!["e".to_owned()]),
        ];
        assert_eq!(
            line(portal, &compared, &[]),
            "hubspot        2,500 contacts, 1,200 deals; each field as it is there"
        );
        if let Some(deals) = compared.get_mut(1) {
            deals.different.push("77".to_owned());
        }
        assert_eq!(
            line(portal, &compared, &[]),
            "hubspot        2,500 contacts, 1,200 deals: 1 WRONG, such as 77"
        );
    }
}
