//! An authority of one's own: what `vtlocal up --tls` encrypts a cluster on one machine with, and what tests of
//! TLS make their good and bad certificates by.
//!
//! Its key lies in a file like any other, so it is for clusters that hold nothing worth stealing; in earnest the
//! certificates come from the operator's own authority.
//!
//! Files of keys are readable by their owner alone, from the moment that they exist.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use time::{Duration, OffsetDateTime};
use vterrors::{Error, Result};

/// How long a certificate is good when nothing else is said.
const VALID: Duration = Duration::days(365);
/// Clocks of machines differ: a certificate is good from a little before it was made.
const BEFORE: Duration = Duration::hours(1);
const AUTHORITY_CERT: &str = "ca.pem";
const AUTHORITY_KEY: &str = "ca-key.pem";

/// What a certificate says.
#[derive(Debug, Clone)]
pub struct Request {
    /// The common name of its subject.
    pub name: String,
    /// Host names and IP addresses that its holder is reached by.
    pub hosts: Vec<String>,
    pub not_before: OffsetDateTime,
    pub not_after: OffsetDateTime,
    pub serial: Option<u64>,
}

impl Request {
    /// Good for a year from now.
    pub fn new(name: &str, hosts: &[&str]) -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            name: name.to_owned(),
            hosts: hosts.iter().map(|h| (*h).to_owned()).collect(),
            not_before: now - BEFORE,
            not_after: now + VALID,
            serial: None,
        }
    }

    /// One whose time was over yesterday.
    pub fn expired(mut self) -> Self {
        let now = OffsetDateTime::now_utc();
        (self.not_before, self.not_after) = (now - Duration::days(10), now - Duration::days(1));
        self
    }

    /// With a number, by which it can be revoked.
    pub fn serial(mut self, serial: u64) -> Self {
        self.serial = Some(serial);
        self
    }
}

/// A certificate with its key, both in PEM form.
#[derive(Clone)]
pub struct Pair {
    pub cert: String,
    pub key: String,
}

impl Pair {
    /// Writes `<name>.pem` and `<name>-key.pem` into `dir`; existing ones are replaced, each at once.
    pub fn write(&self, dir: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
        let (cert, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}-key.pem")));
        write(&key, &self.key, 0o600)?;
        write(&cert, &self.cert, 0o644)?;
        Ok((cert, key))
    }
}

/// See the module.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    cert: String,
    key: String,
}

impl Authority {
    /// A new one, of that common name.
    pub fn new(name: &str) -> Result<Self> {
        let key = KeyPair::generate().map_err(|e| fault(&e))?;
        let mut params = CertificateParams::new(Vec::new()).map_err(|e| fault(&e))?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let now = OffsetDateTime::now_utc();
        (params.not_before, params.not_after) = (now - BEFORE, now + VALID * 10);
        let cert = params.self_signed(&key).map_err(|e| fault(&e))?.pem();
        let text = key.serialize_pem();
        Ok(Self { issuer: Issuer::new(params, key), cert, key: text })
    }

    /// The one whose files are in `dir`, `ca.pem` and `ca-key.pem`; `name` is the one that it was made with.
    /// None when there is none yet.
    pub fn read(dir: &Path, name: &str) -> Result<Option<Self>> {
        let (cert, key) = (dir.join(AUTHORITY_CERT), dir.join(AUTHORITY_KEY));
        if !cert.exists() && !key.exists() {
            return Ok(None);
        }
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(|e| Error::invalid(format!("{}: {e}", path.display())))
        };
        let (cert, text) = (read(&cert)?, read(&key)?);
        let pair = KeyPair::from_pem(&text)
            .map_err(|e| Error::invalid(format!("{}: no private key: {e}", key.display())))?;
        // What is signed names its authority by name and key, and both are those of the certificate.
        let mut params = CertificateParams::new(Vec::new()).map_err(|e| fault(&e))?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(Some(Self { issuer: Issuer::new(params, pair), cert, key: text }))
    }

    /// Writes `ca.pem` and `ca-key.pem` into `dir`.
    pub fn write(&self, dir: &Path) -> Result<PathBuf> {
        let cert = dir.join(AUTHORITY_CERT);
        write(&dir.join(AUTHORITY_KEY), &self.key, 0o600)?;
        write(&cert, &self.cert, 0o644)?;
        Ok(cert)
    }

    /// The authority's certificate, in PEM form.
    pub fn cert(&self) -> &str {
        &self.cert
    }

    /// A certificate for servers and clients alike: each of our programs is both.
    pub fn issue(&self, request: &Request) -> Result<Pair> {
        let key = KeyPair::generate().map_err(|e| fault(&e))?;
        let mut params = CertificateParams::new(request.hosts.clone()).map_err(|e| fault(&e))?;
        params.distinguished_name.push(DnType::CommonName, &request.name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (request.not_before, request.not_after);
        params.serial_number = request.serial.map(SerialNumber::from);
        let cert = params.signed_by(&key, &self.issuer).map_err(|e| fault(&e))?;
        Ok(Pair { cert: cert.pem(), key: key.serialize_pem() })
    }

    /// A list of revoked certificates, by their numbers, in PEM form.
    pub fn revoke(&self, serials: &[u64]) -> Result<String> {
        let now = OffsetDateTime::now_utc();
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now - BEFORE,
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: now - BEFORE,
            next_update: now + VALID,
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).map_err(|e| fault(&e))?;
        list.pem().map_err(|e| fault(&e))
    }
}

/// By another name first, so that whoever reads sees the old file or the new one.
fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let written = || {
        match fs::remove_file(&fresh) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&fresh, path)
    };
    written().map_err(|e| Error::internal(format!("cannot write {}: {e}", path.display())))
}

fn fault(e: &rcgen::Error) -> Error {
    Error::internal(format!("making a certificate: {e}"))
}
