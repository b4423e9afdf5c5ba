//! `Content-Encoding`: bodies are inflated for reading, and never beyond a body's longest length.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::LONGEST_BODY;

/// Encodings of one body that are undone. More than two are never meant.
const MOST_ENCODINGS: usize = 4;

/// The bytes that the brotli decoder reads at a time.
const BROTLI_CHUNK: usize = 4_096;

/// The first bytes of a gzip stream with deflate inside.
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// The reason why a body cannot be inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotInflated {
    /// `Content-Encoding` names an encoding that is not known here, or too many.
    #[error("must be gzip, deflate, br or identity")]
    Unknown,
    /// The body is not in the encoding that `Content-Encoding` names.
    #[error("is not the encoding of the body")]
    Broken,
    /// The inflated body is longer than [`LONGEST_BODY`].
    #[error("inflates to more than {LONGEST_BODY} bytes")]
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Gzip,
    Deflate,
    Brotli,
}

/// Undoes the encodings of a body, the last one first. A body that is plain text although the
/// header says otherwise is taken as it is, because some proxies inflate and keep the header. One
/// that is gzip by its first bytes is inflated without a header too.
pub(super) fn inflate<'a>(
    bytes: &'a [u8],
    header: Option<&str>,
) -> Result<Cow<'a, [u8]>, NotInflated> {
    let mut encodings = encodings(header.unwrap_or_default())?;
    if encodings.is_empty() && bytes.starts_with(&GZIP_MAGIC) {
        encodings.push(Encoding::Gzip);
    }
    let mut body = Cow::Borrowed(bytes);
    for encoding in encodings.into_iter().rev() {
        match undo(encoding, &body) {
            Ok(inflated) => body = Cow::Owned(inflated),
            Err(NotInflated::Broken) if is_text(&body) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(body)
}

fn encodings(header: &str) -> Result<Vec<Encoding>, NotInflated> {
    let mut encodings = Vec::new();
    for name in header.split(',') {
        encodings.push(match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" | "none" => continue,
            "gzip" | "x-gzip" => Encoding::Gzip,
            "deflate" => Encoding::Deflate,
            "br" => Encoding::Brotli,
            _ => return Err(NotInflated::Unknown),
        });
    }
    if encodings.len() > MOST_ENCODINGS { Err(NotInflated::Unknown) } else { Ok(encodings) }
}

fn undo(encoding: Encoding, bytes: &[u8]) -> Result<Vec<u8>, NotInflated> {
    match encoding {
        Encoding::Gzip => read(MultiGzDecoder::new(bytes)),
        // The standard means zlib. Some clients send the bare stream, of which text may look like
        // one.
        Encoding::Deflate => match read(ZlibDecoder::new(bytes)) {
            Err(NotInflated::Broken) if !is_text(bytes) => read(DeflateDecoder::new(bytes)),
            outcome => outcome,
        },
        Encoding::Brotli => read(brotli_decompressor::Decompressor::new(bytes, BROTLI_CHUNK)),
    }
}

/// Reads to the end, or to one byte beyond the longest body: a bomb costs no more memory than that.
fn read(from: impl Read) -> Result<Vec<u8>, NotInflated> {
    let (mut inflated, most) = (Vec::new(), LONGEST_BODY as u64 + 1);
    let read = from.take(most).read_to_end(&mut inflated);
    if inflated.len() > LONGEST_BODY {
        return Err(NotInflated::TooLong);
    }
    read.map(|_| inflated).map_err(|_| NotInflated::Broken)
}

fn is_text(bytes: &[u8]) -> bool {
    let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(is_plain))
}
