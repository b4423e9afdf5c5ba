//! Finds the boundaries of the messages that a Postgres client sends.
//!
//! A connection begins with packets that have a length and a code but no type. After the start-up
//! packet each message is a type byte and a length. The length counts itself but not the type.
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use bytes::{Bytes, BytesMut};

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const TERMINATE: u8 = b'X';
const SYNC: u8 = b'S';
const QUERY: u8 = b'Q';

/// One whole message, as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) bytes: Bytes,
    /// False for Terminate, which is sent whenever a pool happens to be dropped, and for requests
    /// for encryption.
    pub(crate) counts: bool,
    /// Whether the server has all of a statement with it: Sync, or Query.
    pub(crate) ends: bool,
}

/// Splits what one client sends into messages.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    pub(crate) buffer: BytesMut,
    started: bool,
}

impl Framing {
    /// Returns the next message, or `None` until all of it has arrived.
    pub(crate) fn next(&mut self) -> Option<Message> {
        let type_length = usize::from(self.started);
        let length = usize::try_from(self.number_at(type_length)?).ok()? + type_length;
        if self.buffer.len() < length {
            return None;
        }
        let ends = self.started && [SYNC, QUERY].contains(&self.buffer[0]);
        let counts = if self.started { self.buffer[0] != TERMINATE } else { self.begin()? };
        Some(Message { bytes: self.buffer.split_to(length).freeze(), counts, ends })
    }

    /// Reads a packet without a type, and returns whether it counts. The server answers a request
    /// for encryption with one byte, "N" here, and the start-up packet follows.
    fn begin(&mut self) -> Option<bool> {
        let code = self.number_at(4)?;
        self.started = code != SSL_REQUEST && code != GSS_REQUEST;
        Some(self.started)
    }

    fn number_at(&self, offset: usize) -> Option<u32> {
        let four = self.buffer.get(offset..offset + 4)?;
        Some(u32::from_be_bytes(four.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SSLRequest; start-up with the code 3.0 and no parameters; Query ""; Terminate.
    const SPOKEN: &[u8] =
        b"\0\0\0\x08\x04\xd2\x16\x2f\0\0\0\x09\0\x03\0\0\0Q\0\0\0\x05\0X\0\0\0\x04";

    fn messages(chunk: usize) -> Vec<(usize, bool)> {
        let mut framing = Framing::default();
        let mut found = Vec::new();
        for bytes in SPOKEN.chunks(chunk) {
            framing.buffer.extend_from_slice(bytes);
            while let Some(message) = framing.next() {
                found.push((message.bytes.len(), message.counts));
            }
        }
        found
    }

    #[test]
    fn messages_are_found_however_the_network_splits_them() {
        for chunk in 1..=SPOKEN.len() {
            assert_eq!(
                messages(chunk),
                [(8, false), (9, true), (6, true), (5, false)],
                "in chunks of {chunk}"
            );
        }
    }
}
