//! The file of a load.

use bytes::Bytes;
use penstock_clients::bigquery::Source;
use penstock_clients::objects::Objects;
use penstock_domain::bigquery::{Kind, Refusal};
use penstock_domain::dependency::Dependency as _;

/// A file that `archive` has written.
pub(crate) struct File<'a, O> {
    /// The store that holds it.
    pub objects: &'a O,
    /// The key of the object.
    pub key: &'a str,
}

impl<O: Objects> Source for File<'_, O> {
    async fn read(&self, from: u64, length: u64) -> Result<Option<Bytes>, Refusal> {
        match self.objects.get_range(self.key, from, from + length).await {
            Ok(found) => Ok(found.map(|object| object.body)),
            Err(error) if error.is_unreachable() => Err(Refusal::passing(error.to_string())),
            Err(error) => Err(Refusal { kind: Kind::Unreadable, words: error.to_string() }),
        }
    }
}
