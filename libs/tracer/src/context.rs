//! What identifies a span to others: W3C's trace context, `00-<trace id>-<span id>-<flags>`.

use std::fmt;

/// A span, and whether it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanContext {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub sampled: bool,
}

impl SpanContext {
    /// The beginning of a trace that is recorded.
    pub fn new_root() -> Self {
        Self { trace_id: not_zero(), span_id: not_zero(), sampled: true }
    }

    /// A span below this one.
    pub fn child(&self) -> Self {
        Self { span_id: not_zero(), ..*self }
    }

    /// Reads a `traceparent`. A version after 00 may have more behind the flags; none for what is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let version = parts.next()?;
        let (trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let well = version.len() == 2 && trace_id.len() == 32 && span_id.len() == 16 && flags.len() == 2;
        let more = parts.next().is_some();
        if !well || version.eq_ignore_ascii_case("ff") || (version == "00" && more) {
            return None;
        }
        u8::from_str_radix(version, 16).ok()?;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Self::of_hex(trace_id, span_id, flags & 1 != 0)
    }

    /// Ids in hexadecimal digits, of which leading zeros may be left out.
    pub(crate) fn of_hex(trace_id: &str, span_id: &str, sampled: bool) -> Option<Self> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !digits(trace_id) || !digits(span_id) {
            return None;
        }
        let trace_id = u128::from_str_radix(trace_id, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(span_id, 16).ok().filter(|id| *id != 0)?;
        Some(Self { trace_id: trace_id.to_be_bytes(), span_id: span_id.to_be_bytes(), sampled })
    }
}

impl fmt::Display for SpanContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace_id), u64::from_be_bytes(self.span_id));
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", u8::from(self.sampled))
    }
}

/// An id of nothing but zeros is none.
fn not_zero<const N: usize>() -> [u8; N] {
    loop {
        let mut id = [0; N];
        rand::Rng::fill(&mut rand::rng(), &mut id[..]);
        if id != [0; N] {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn reads_and_writes_the_same() {
        let context = SpanContext::parse(TEXT).unwrap();
        assert!(context.sampled && context.to_string() == TEXT);
        assert!(!SpanContext::parse(&TEXT.replace("-01", "-00")).unwrap().sampled);
        assert!(SpanContext::parse(&TEXT.replace("00-4b", "cc-4b")).is_some());
        assert!(SpanContext::parse(&(TEXT.replace("00-4b", "cc-4b") + "-more")).is_some());
        let child = context.child();
        assert!(child.trace_id == context.trace_id && child.span_id != context.span_id);
    }

    #[test]
    fn what_is_none_is_none() {
        for text in [
            "",
            "00",
            "00-0-0-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(SpanContext::parse(text), None, "{text}");
        }
    }
}
