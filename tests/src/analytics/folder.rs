//! A folder in place of a bucket, for readers that read files.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use penstock_clients::objects::{Condition, Head, NewObject, Object, ObjectError, Objects, Put};
use sha2::{Digest as _, Sha256};

/// Objects as files below a folder, under the same conditions as in S3. Their facts are in
/// `.facts/`. It may be used by many at once, but by one process.
#[derive(Debug, Clone)]
pub struct FolderObjects {
    root: PathBuf,
    /// Held while an object is written or deleted.
    writing: Arc<Mutex<()>>,
}

impl FolderObjects {
    /// Creates the folder if it is not there.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        std::fs::create_dir_all(root.join(".facts"))?;
        Ok(Self { root, writing: Arc::default() })
    }

    /// Returns the folder with the objects.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the keys of all objects below a prefix, in their order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn keys(&self, prefix: &str) -> io::Result<Vec<String>> {
        fn walk(folder: &Path, root: &Path, into: &mut Vec<String>) -> io::Result<()> {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    walk(&path, root, into)?;
                } else if let Ok(key) = path.strip_prefix(root) {
                    into.push(key.display().to_string());
                }
            }
            Ok(())
        }
        let mut keys = Vec::new();
        walk(&self.root, &self.root, &mut keys)?;
        keys.retain(|key| key.starts_with(prefix) && !key.starts_with(".facts/"));
        keys.sort();
        Ok(keys)
    }

    fn facts_of(&self, key: &str) -> PathBuf {
        self.root.join(".facts").join(key.replace('/', "%"))
    }

    fn read(&self, key: &str) -> Result<Option<Object>, ObjectError> {
        match std::fs::read(self.root.join(key)) {
            Ok(body) => Ok(Some(Object { etag: etag(&body), body: body.into() })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ObjectError::unreachable("read an object", error.to_string())),
        }
    }

    fn write(&self, object: &NewObject) -> io::Result<Put> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.root.join(&object.key);
        let is_as_wanted = match (std::fs::read(&path), &object.condition) {
            (Ok(_), Condition::IsAbsent) => false,
            (Ok(body), Condition::IsUnchanged(wanted)) => etag(&body) == *wanted,
            (Err(error), condition) if error.kind() == ErrorKind::NotFound => {
                *condition == Condition::IsAbsent
            }
            (Err(error), _) => return Err(error),
        };
        if !is_as_wanted {
            return Ok(Put::NotWritten);
        }
        std::fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        std::fs::write(self.facts_of(&object.key), serde_json::to_vec(&object.facts)?)?;
        // A reader sees the whole file, or none.
        let whole = self.root.join(".facts/whole");
        let mut file = std::fs::File::create(&whole)?;
        file.write_all(&object.body)?;
        std::fs::rename(&whole, &path)?;
        Ok(Put::Written)
    }
}

fn etag(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

impl Objects for FolderObjects {
    async fn put(&self, object: NewObject) -> Result<Put, ObjectError> {
        if Sha256::digest(&object.body)[..] != object.sha256 {
            return Err(ObjectError::refused("write an object", "400 BadDigest"));
        }
        self.write(&object)
            .map_err(|error| ObjectError::unreachable("write an object", error.to_string()))
    }

    async fn head(&self, key: &str) -> Result<Option<Head>, ObjectError> {
        let Some(Object { body, etag }) = self.read(key)? else { return Ok(None) };
        let facts: BTreeMap<String, String> = std::fs::read(self.facts_of(key))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        Ok(Some(Head { bytes: u64::try_from(body.len()).unwrap_or(u64::MAX), etag, facts }))
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, ObjectError> {
        self.read(key)
    }

    async fn get_range(
        &self,
        key: &str,
        from: u64,
        to: u64,
    ) -> Result<Option<Object>, ObjectError> {
        let Some(Object { body, etag }) = self.read(key)? else { return Ok(None) };
        let at = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(body.len());
        if to <= from || at(from) == body.len() {
            return Err(ObjectError::refused("read an object", "416 InvalidRange"));
        }
        let part: Bytes = body.slice(at(from)..at(to));
        Ok(Some(Object { body: part, etag }))
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match std::fs::remove_file(self.root.join(key)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(ObjectError::unreachable("delete an object", error.to_string()))
            }
            _ => Ok(()),
        }
    }
}
