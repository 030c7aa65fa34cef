use authority::{Authority, Request};
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

use super::*;

fn made(request: &Request) -> Vec<u8> {
    let pair = Authority::new("Our authority").unwrap().issue(request).unwrap();
    CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap().to_vec()
}

#[test]
fn it_is_read_as_it_was_written() {
    let request = Request::new("vtgate", &["gate.example", "10.0.0.7", "::1"]).expired();
    let read = Certificate::parse(&made(&request)).unwrap();
    assert_eq!((read.subject.as_str(), read.issuer.as_str()), ("CN=vtgate", "CN=Our authority"));
    assert_eq!(read.common_name.as_deref(), Some("vtgate"));
    assert_eq!(read.names, ["gate.example", "10.0.0.7", "::1"]);
    assert_eq!(read.not_after.unix_timestamp(), request.not_after.unix_timestamp());
    assert_eq!(read.not_before.unix_timestamp(), request.not_before.unix_timestamp());
    let text = read.to_string();
    assert!(text.starts_with("subject CN=vtgate, issuer CN=Our authority, valid from 2"), "{text}");
}

#[test]
fn what_is_shown_is_one_short_line() {
    let name = format!("a\nERROR forged\u{1b}[2J{}", "x".repeat(1000));
    let read = Certificate::parse(&made(&Request::new(&name, &[]))).unwrap();
    assert!(!read.subject.contains(|c: char| c.is_control()), "{}", read.subject);
    assert!(read.subject.len() < 300, "{}", read.subject.len());
}

/// Whatever is cut off or changed: an answer or none, and no panic.
#[test]
fn damaged_ones_are_none_or_something() {
    let good = made(&Request::new("vtgate", &["gate.example"]));
    for length in 0..good.len() {
        assert_eq!(Certificate::parse(&good[..length]), None);
    }
    for at in 0..good.len() {
        for byte in [0, 1, 0x7f, 0x80, 0x84, 0xff] {
            let mut bad = good.clone();
            bad[at] = byte;
            let _ = Certificate::parse(&bad);
        }
    }
}
