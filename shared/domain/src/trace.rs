//! Traces: the id that one piece of work has on its way through functions and queues.
//!
//! The header is that of the W3C recommendation "Trace Context"
//! (<https://www.w3.org/TR/trace-context/>). Ids of our own are hashes of the ids that Lambda and
//! SQS give, so no randomness is needed, and whoever knows those finds the trace.

use std::fmt;

use sha2::{Digest, Sha256};

/// The header, and the attribute of a message, that carries a trace.
pub const TRACEPARENT: &str = "traceparent";

/// The header by which API Gateway tells its own id of a request.
pub const AMAZON_TRACE: &str = "x-amzn-trace-id";

/// The id of a trace, 16 bytes that are not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

/// The id of one unit of work within a trace, 8 bytes that are not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId([u8; 8]);

/// The place of a unit of work in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The trace.
    pub id: TraceId,
    /// The unit itself.
    pub span: SpanId,
    /// The unit that caused it; `None` if the trace begins here.
    pub parent: Option<SpanId>,
    /// Whether the caller records the trace.
    pub sampled: bool,
}

impl Trace {
    /// Begins a trace. `unit` names the unit of work, such as Lambda's id of an invocation.
    #[must_use]
    pub fn begun(unit: &str) -> Self {
        let hash = Sha256::digest(unit);
        let (mut id, span) = ([0; 16], SpanId::of(unit));
        id.copy_from_slice(&hash[8..24]);
        Self { id: TraceId(id), span, parent: None, sampled: false }
    }

    /// Continues the trace that a caller tells by the header `traceparent`. Returns `None` if the
    /// header is not exactly as the recommendation wants it.
    #[must_use]
    pub fn continued(traceparent: &str, unit: &str) -> Option<Self> {
        let bytes = traceparent.as_bytes();
        let (version, rest) = (bytes.get(..2)?, bytes.get(2..55)?);
        let [version] = from_hex::<1>(version)?;
        // A later version may have more behind the parts that are known.
        let is_whole = match version {
            0 => bytes.len() == 55,
            0xff => false,
            _ => bytes.len() == 55 || bytes.get(55) == Some(&b'-'),
        };
        let dashes = [rest[0], rest[33], rest[50]] == *b"---";
        if !is_whole || !dashes {
            return None;
        }
        let [flags] = from_hex::<1>(&rest[51..53])?;
        Some(Self {
            id: TraceId::parse(&rest[1..33])?,
            span: SpanId::of(unit),
            parent: Some(SpanId::parse(&rest[34..50])?),
            sampled: flags & 1 == 1,
        })
    }

    /// Continues the trace of AWS's own header: `Root=1-<8 hex>-<24 hex>`, with `Parent` and
    /// `Sampled` if they are told. Returns `None` if there is no such root.
    #[must_use]
    pub fn of_amazon(header: &str, unit: &str) -> Option<Self> {
        let field = |name: &str| {
            let mut fields = header.split(';').filter_map(|field| field.trim().split_once('='));
            fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let (time, rest) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
        if time.len() != 8 || rest.len() != 24 {
            return None;
        }
        Some(Self {
            id: TraceId::parse(format!("{time}{rest}").as_bytes())?,
            span: SpanId::of(unit),
            parent: field("Parent").and_then(|parent| SpanId::parse(parent.as_bytes())),
            sampled: field("Sampled") == Some("1"),
        })
    }

    /// Returns a unit of the same trace that this unit has caused.
    #[must_use]
    pub fn child(self, unit: &str) -> Self {
        Self { span: SpanId::of(unit), parent: Some(self.span), ..self }
    }

    /// Returns the header for what this unit causes.
    #[must_use]
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-0{}", self.id, self.span, u8::from(self.sampled))
    }
}

impl TraceId {
    fn parse(hex: &[u8]) -> Option<Self> {
        from_hex(hex).filter(|id| *id != [0; 16]).map(Self)
    }

    /// The bytes of the id.
    #[must_use]
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl SpanId {
    fn parse(hex: &[u8]) -> Option<Self> {
        from_hex(hex).filter(|id| *id != [0; 8]).map(Self)
    }

    fn of(unit: &str) -> Self {
        let mut id = [0; 8];
        id.copy_from_slice(&Sha256::digest(unit)[..8]);
        Self(id)
    }

    /// The bytes of the id.
    #[must_use]
    pub fn bytes(self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Reads lower-case hexadecimal digits: the recommendation allows no other.
fn from_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let is_lower = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (is_lower && hex::decode_to_slice(digits, &mut bytes).is_ok()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn a_header_as_the_recommendation_has_it_is_continued() {
        let trace = Trace::continued(SENT, "unit").unwrap();
        assert_eq!(trace.id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace.parent.unwrap().to_string(), "00f067aa0ba902b7");
        assert!(trace.sampled);
        let next = Trace::continued(&trace.traceparent(), "next").unwrap();
        assert_eq!((next.id, next.parent), (trace.id, Some(trace.span)));
        assert_ne!(next.span, trace.span);
        let not_sampled = SENT.replace("-01", "-00");
        assert!(!Trace::continued(&not_sampled, "unit").unwrap().sampled);
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for sent in [SENT.replacen("00", "cc", 1), SENT.replacen("00", "01", 1) + "-what-comes"] {
            assert!(Trace::continued(&sent, "unit").is_some(), "{sent}");
        }
    }

    #[test]
    fn any_other_header_is_not_taken() {
        let zeros = |n| "0".repeat(n);
        for sent in [
            "",
            "00",
            &SENT[..54],
            &format!("{SENT}0"),
            &format!("{SENT}-more"),
            &format!(" {SENT}"),
            &format!("{SENT},{SENT}"),
            &SENT.to_uppercase(),
            &SENT.replacen("00", "ff", 1),
            &SENT.replacen("00", "0g", 1),
            &SENT.replacen("00", "01", 1).replace("-01", "-01more"),
            &SENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &zeros(32)),
            &SENT.replace("00f067aa0ba902b7", &zeros(16)),
            &SENT.replace('-', "_"),
            &SENT.replace("4bf9", "ä92"),
        ] {
            assert_eq!(Trace::continued(sent, "unit"), None, "{sent}");
        }
    }

    #[test]
    fn the_root_of_api_gateway_is_32_digits_of_the_same_trace() {
        let trace = Trace::of_amazon(ROOT, "unit").unwrap();
        assert_eq!(trace.id.to_string(), "5759e988bd862e3fe1be46a994272793");
        assert_eq!((trace.parent, trace.sampled), (None, false));
        let more = format!(
            "Self=1-67891234-12456789abcdef012345678;{ROOT}; Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0"
        );
        let trace = Trace::of_amazon(&more, "unit").unwrap();
        assert_eq!(trace.parent.unwrap().to_string(), "53995c3f42cd8ad8");
        assert!(trace.sampled);
        for other in [
            "",
            "Root=",
            "Root=1-00000000-000000000000000000000000",
            "Root=2-5759e988-bd862e3fe1be46a994272793",
            "Root=1-5759e98-8bd862e3fe1be46a994272793",
            "Root=1-5759e988-bd862e3fe1be46a99427279",
            "Parent=53995c3f42cd8ad8",
        ] {
            assert_eq!(Trace::of_amazon(other, "unit"), None, "{other}");
        }
    }

    #[test]
    fn a_trace_that_begins_here_follows_from_the_name_of_its_unit() {
        let trace = Trace::begun("b3c1");
        assert_eq!(trace, Trace::begun("b3c1"));
        assert_ne!(trace.id, Trace::begun("b3c2").id);
        let child = trace.child("other");
        assert_eq!((child.id, child.parent), (trace.id, Some(trace.span)));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_a_panic_and_what_is_written_is_read(text in "\\PC*") {
            let _any = (Trace::continued(&text, "u"), Trace::of_amazon(&text, "u"));
            let written = Trace::begun(&text);
            let read = Trace::continued(&written.traceparent(), "u").unwrap();
            prop_assert_eq!((read.id, read.parent), (written.id, Some(written.span)));
        }
    }
}
