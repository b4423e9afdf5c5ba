//! Takes the files of Swagger UI out of the crate that ships them. They stay as compressed as they
//! are there: a zip and gzip hold the same stream, so nothing is inflated here.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

/// The files that the page needs.
const FILES: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

/// The signature of an entry in the directory at the end of a zip.
const ENTRY: [u8; 4] = *b"PK\x01\x02";

/// The signature of the end of that directory.
const END: [u8; 4] = *b"PK\x05\x06";

/// The head of a gzip stream without a name or a time (RFC 1952).
const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The method of a compressed entry.
const DEFLATED: usize = 8;

#[expect(clippy::disallowed_methods, reason = "cargo names the directory by a variable")]
fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?);
    for file in FILES {
        let gzip = compressed(ARCHIVE, file).ok_or_else(|| format!("{file} is not in the zip"))?;
        fs::write(out.join(format!("{file}.gz")), gzip)?;
    }
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}

/// Returns `dist/<file>` of the archive as a gzip stream.
fn compressed(zip: &[u8], file: &str) -> Option<Vec<u8>> {
    let end = zip.windows(END.len()).rposition(|bytes| bytes == END)?;
    let mut at = number(zip, end + 16, 4)?;
    while zip.get(at..at + ENTRY.len())? == ENTRY {
        let name = number(zip, at + 28, 2)?;
        let path = Path::new(std::str::from_utf8(zip.get(at + 46..at + 46 + name)?).ok()?);
        // The first folder has the version in its name.
        let inner: PathBuf = path.iter().skip(1).collect();
        if inner == Path::new("dist").join(file) {
            return gzip(zip, at);
        }
        at += 46 + name + number(zip, at + 30, 2)? + number(zip, at + 32, 2)?;
    }
    None
}

/// Returns the entry at `at` of the directory as a gzip stream.
fn gzip(zip: &[u8], at: usize) -> Option<Vec<u8>> {
    let (method, length) = (number(zip, at + 10, 2)?, number(zip, at + 20, 4)?);
    let local = number(zip, at + 42, 4)?;
    let data = local + 30 + number(zip, local + 26, 2)? + number(zip, local + 28, 2)?;
    let stream = zip.get(data..data + length).filter(|_| method == DEFLATED)?;
    // The checksum and the inflated length end a gzip stream, as the directory has them.
    let (checksum, inflated) = (zip.get(at + 16..at + 20)?, zip.get(at + 24..at + 28)?);
    Some([&GZIP[..], stream, checksum, inflated].concat())
}

/// Reads a number of so many bytes, the least first.
fn number(zip: &[u8], at: usize, bytes: usize) -> Option<usize> {
    let digits = zip.get(at..at + bytes)?.iter().rev();
    Some(digits.fold(0, |number, byte| number << 8 | usize::from(*byte)))
}
