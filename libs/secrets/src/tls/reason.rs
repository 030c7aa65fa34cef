//! Why a certificate was refused, in words.

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

use crate::{Certificate, Named};

/// What a certificate was checked by.
pub(super) struct Against<'a> {
    pub ca: Option<&'a Named>,
    pub crl: Option<&'a Named>,
    /// The name by which the peer was to be known, and how another one can be given.
    pub name: Option<(&'a str, &'a str)>,
}

/// Why `certificate` was refused here: whose it is, and the reason.
pub(super) fn refused(certificate: &[u8], e: &Error, against: &Against<'_>) -> String {
    let parsed = Certificate::parse(certificate);
    let shown = parsed.as_ref().map_or_else(|| "(unreadable)".to_owned(), ToString::to_string);
    format!("its certificate ({shown}) is refused: {}", reason(parsed.as_ref(), e, against))
}

fn reason(certificate: Option<&Certificate>, e: &Error, against: &Against<'_>) -> String {
    let file = |file: Option<&Named>| file.map_or_else(|| "the authorities".to_owned(), ToString::to_string);
    let Error::InvalidCertificate(e) = e else { return e.to_string() };
    match e {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!("it is not signed by an authority of {}", file(against.ca))
        }
        CertificateError::Revoked => format!("it is revoked by {}", file(against.crl)),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = certificate.map(|c| c.names.join(", ")).unwrap_or_default();
            let names = if names.is_empty() { "no name at all".to_owned() } else { names };
            match against.name {
                Some((name, flag)) => format!("it is for {names}, not for {name} ({flag} names another)"),
                None => format!("it is for {names}"),
            }
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its extended key usage does not allow this side of a connection".to_owned()
        }
        // rustls has no name for one that is an authority itself; most of those are made by one command of openssl.
        CertificateError::Other(_) if certificate.is_some_and(|c| c.subject == c.issuer) => {
            format!("it is signed by itself, not by an authority of {}", file(against.ca))
        }
        other => other.to_string(),
    }
}

/// What an alert of the peer's says about a certificate of ours; None for other alerts.
pub(super) fn alert(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::CertificateExpired => "expired, or not valid yet",
        AlertDescription::CertificateRevoked => "revoked",
        AlertDescription::UnknownCA => "not signed by an authority that it knows",
        AlertDescription::BadCertificate => "wrong: for another name, say",
        AlertDescription::CertificateUnknown | AlertDescription::UnsupportedCertificate => "not acceptable",
        AlertDescription::AccessDenied => "not of those that may come in",
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => "missing",
        _ => return None,
    })
}
