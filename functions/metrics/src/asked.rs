//! Which connections a caller asks about: `source` is a vendor, `connection` one of its accounts.

use penstock_edge::http::Query;
use penstock_store::Chosen;

/// The pattern of a vendor's name.
#[cfg(feature = "contract")]
pub(crate) const SOURCE: &str = "^[a-z0-9_-]{1,64}$";

/// The pattern of a connection's name. Accounts that became connections by themselves have a dot
/// and capital letters in theirs.
#[cfg(feature = "contract")]
pub(crate) const CONNECTION: &str = "^[A-Za-z0-9_.-]{1,100}$";

/// The vendor and the connection of a query, each if it names one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) source: Option<String>,
    pub(crate) connection: Option<String>,
}

impl Asked {
    /// Takes `source` and `connection`. A name that nothing has is a fair question: it has nothing.
    pub(crate) fn take(query: &mut Query) -> Self {
        let source = query.take_as("source", |text| {
            let plain = |b: u8| b.is_ascii_lowercase() || is_digit_or_mark(b);
            name(text, 64, plain)
                .ok_or_else(|| "must be the name of a source, such as stripe".to_owned())
        });
        Self { source, connection: take_connection(query) }
    }

    pub(crate) fn chosen(&self) -> Chosen<'_> {
        Chosen { vendor: self.source.as_deref(), connection: self.connection.as_deref() }
    }

    /// Whether it asks about this connection of this vendor.
    pub(crate) fn includes(&self, source: &str, connection: &str) -> bool {
        let is = |asked: &Option<String>, name: &str| asked.as_deref().is_none_or(|it| it == name);
        is(&self.source, source) && is(&self.connection, connection)
    }
}

/// Takes `connection`.
pub(crate) fn take_connection(query: &mut Query) -> Option<String> {
    query.take_as("connection", |text| {
        let plain = |b: u8| b.is_ascii_alphabetic() || is_digit_or_mark(b) || b == b'.';
        name(text, 100, plain)
            .ok_or_else(|| "must be the name of a connection, such as stripe-eu".to_owned())
    })
}

const fn is_digit_or_mark(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'_' || byte == b'-'
}

fn name(text: &str, longest: usize, plain: impl Fn(u8) -> bool) -> Option<String> {
    let is_name = (1..=longest).contains(&text.len()) && text.bytes().all(plain);
    is_name.then(|| text.to_owned())
}
