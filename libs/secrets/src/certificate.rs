//! What a certificate says of itself, for errors and logs: subject, issuer, names, dates.
//!
//! Verifying is rustls's; here is only reading, of certificates that may come from anybody: every length is checked,
//! and what is shown is cut and without control characters. The layout is that of RFC 5280, section 4.1, in DER
//! (X.690).

mod der;

use std::{fmt, net::IpAddr};

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use der::Reader;

/// The longest text of a name that is shown, in characters.
const MAX_TEXT: usize = 200;
/// The most names that are shown.
const MAX_NAMES: usize = 8;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// As in RFC 2253: `CN=vtgate,O=Example`, the most special part first.
    pub subject: String,
    /// The first of the subject's common names, whole but for its length: who somebody is.
    pub common_name: Option<String>,
    pub issuer: String,
    pub not_before: OffsetDateTime,
    pub not_after: OffsetDateTime,
    /// The host names and IP addresses that it is for.
    pub names: Vec<String>,
}

impl Certificate {
    /// Reads a certificate in DER form; None when it is none.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let mut whole = Reader::new(der);
        let mut certificate = whole.enter(der::SEQUENCE)?;
        let mut body = certificate.enter(der::SEQUENCE)?;
        let _version = body.enter_if(der::context(0));
        body.enter(der::INTEGER)?;
        body.enter(der::SEQUENCE)?;
        let issuer = name(body.enter(der::SEQUENCE)?)?;
        let mut validity = body.enter(der::SEQUENCE)?;
        let (not_before, not_after) = (date(&mut validity)?, date(&mut validity)?);
        let whole_subject = body.enter(der::SEQUENCE)?;
        let common_name = parts(whole_subject.clone())?.into_iter().find(|(id, _)| *id == COMMON_NAME);
        let subject = name(whole_subject)?;
        body.enter(der::SEQUENCE)?;
        let _ids = (body.enter_if(der::unstructured(1)), body.enter_if(der::unstructured(2)));
        let names = body.enter_if(der::context(3)).and_then(alternative_names).unwrap_or_default();
        let common_name = common_name.map(|(_, text)| shown(text)).filter(|text| !text.is_empty());
        Some(Self { subject, common_name, issuer, not_before, not_after, names })
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (show_date(self.not_before), show_date(self.not_after));
        write!(f, "subject {}, issuer {}, valid from {from} to {to}", self.subject, self.issuer)
    }
}

/// `2026-11-22 10:00:00 UTC`
pub(crate) fn show_date(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    let (date, (h, m, s)) = (at.date(), at.time().as_hms());
    format!("{date} {h:02}:{m:02}:{s:02} UTC")
}

/// The number of the type "common name".
const COMMON_NAME: [u8; 3] = [0x55, 4, 3];

/// The parts of a name, a sequence of sets of type and value: each part's type and value.
fn parts(mut name: Reader<'_>) -> Option<Vec<(&[u8], &[u8])>> {
    let mut all = Vec::new();
    while !name.is_empty() {
        let mut set = name.enter(der::SET)?;
        while !set.is_empty() {
            let mut part = set.enter(der::SEQUENCE)?;
            let kind = part.enter(der::OBJECT_ID)?.rest();
            let (_, value) = part.any()?;
            all.push((kind, value));
        }
    }
    Some(all)
}

fn name(name: Reader<'_>) -> Option<String> {
    let parts = parts(name)?.into_iter();
    let mut texts: Vec<String> =
        parts.map(|(kind, value)| format!("{}={}", kind_of(kind), shown(value))).collect();
    // The most general part comes first in the certificate.
    texts.reverse();
    let text = texts.join(",");
    Some(if text.is_empty() { "(empty)".to_owned() } else { text })
}

/// The short name of a part, or its number.
fn kind_of(id: &[u8]) -> String {
    let known = match id {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        _ => return id.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
    };
    known.to_owned()
}

/// Text as it may be shown: whoever made the certificate does not write our log's lines.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().take(MAX_TEXT).map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn date(fields: &mut Reader<'_>) -> Option<OffsetDateTime> {
    let (tag, text) = fields.any()?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.is_ascii() {
        return None;
    }
    let number = |from: usize| text.get(from..from + 2)?.parse::<u8>().ok();
    let (year, at) = match tag {
        // RFC 5280: two digits from 50 on are of the last century.
        der::UTC_TIME => {
            let year = i32::from(number(0)?);
            (if year >= 50 { 1900 + year } else { 2000 + year }, 2)
        }
        der::GENERALIZED_TIME => (text.get(0..4)?.parse().ok()?, 4),
        _ => return None,
    };
    let month = Month::try_from(number(at)?).ok()?;
    let date = Date::from_calendar_date(year, month, number(at + 2)?).ok()?;
    let time = Time::from_hms(number(at + 4)?, number(at + 6)?, number(at + 8)?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc())
}

/// The names of the extension "subject alternative name".
fn alternative_names(mut extensions: Reader<'_>) -> Option<Vec<String>> {
    let mut list = extensions.enter(der::SEQUENCE)?;
    while !list.is_empty() {
        let mut extension = list.enter(der::SEQUENCE)?;
        let id = extension.enter(der::OBJECT_ID)?.rest();
        let _critical = extension.enter_if(der::BOOLEAN);
        let mut value = extension.enter(der::OCTET_STRING)?;
        if id != [0x55, 29, 17] {
            continue;
        }
        let mut names = value.enter(der::SEQUENCE)?;
        let mut out = Vec::new();
        while !names.is_empty() && out.len() < MAX_NAMES {
            match names.any()? {
                (tag, text) if tag == der::unstructured(2) => out.push(shown(text)),
                (tag, ip) if tag == der::unstructured(7) => out.extend(address(ip)),
                _ => {}
            }
        }
        return Some(out);
    }
    None
}

fn address(bytes: &[u8]) -> Option<String> {
    let ip = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        _ => return None,
    };
    Some(ip.to_string())
}

#[cfg(test)]
mod tests;
