//! Proving a password: `mysql_native_password` and `caching_sha2_password`.
//!
//! Facts: MySQL's internals manual, "Authentication Methods".

use rsa::{Oaep, RsaPublicKey, pkcs8::DecodePublicKey};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use vterrors::{Condition, Error, Result};

/// A way to prove a password that both ends know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plugin {
    Native,
    CachingSha2,
    /// The password as it is; answered over a Unix socket or TLS only.
    Clear,
    /// The server asks the kernel who we are; nothing is sent.
    Socket,
}

impl Plugin {
    pub fn of_name(name: &[u8]) -> Result<Self> {
        Ok(match name {
            b"mysql_native_password" => Self::Native,
            b"caching_sha2_password" => Self::CachingSha2,
            b"mysql_clear_password" => Self::Clear,
            b"auth_socket" | b"unix_socket" => Self::Socket,
            other => {
                return Err(Error::new(
                    Condition::AccessDenied,
                    format!(
                        "mysqld asks for the authentication plugin {:?}, which is not supported",
                        String::from_utf8_lossy(other)
                    ),
                ));
            }
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
            Self::Clear => "mysql_clear_password",
            Self::Socket => "auth_socket",
        }
    }

    /// The first answer to the server's random `scramble`.
    pub fn answer(self, password: &str, scramble: &[u8], secret: bool) -> Result<Vec<u8>> {
        Ok(match self {
            _ if password.is_empty() && self != Self::Clear => Vec::new(),
            Self::Native => native(password.as_bytes(), scramble),
            Self::CachingSha2 => sha256(password.as_bytes(), scramble),
            Self::Clear if secret => zero_ended(password),
            Self::Clear => {
                return Err(Error::new(
                    Condition::AccessDenied,
                    "mysqld asks for the password in clear text over a connection that is neither local nor encrypted",
                ));
            }
            Self::Socket => Vec::new(),
        })
    }
}

/// `SHA1(p) xor SHA1(scramble + SHA1(SHA1(p)))`.
fn native(password: &[u8], scramble: &[u8]) -> Vec<u8> {
    let first = Sha1::digest(password);
    let stored = Sha1::digest(first);
    let mask = Sha1::new().chain_update(scramble).chain_update(stored).finalize();
    first.iter().zip(mask).map(|(a, b)| a ^ b).collect()
}

/// `SHA256(p) xor SHA256(SHA256(SHA256(p)) + scramble)`.
fn sha256(password: &[u8], scramble: &[u8]) -> Vec<u8> {
    let first = Sha256::digest(password);
    let stored = Sha256::digest(first);
    let mask = Sha256::new().chain_update(stored).chain_update(scramble).finalize();
    first.iter().zip(mask).map(|(a, b)| a ^ b).collect()
}

pub(super) fn zero_ended(password: &str) -> Vec<u8> {
    let mut out = password.as_bytes().to_vec();
    out.push(0);
    out
}

/// The password for a server that gave its public key (PEM): masked with the scramble, then RSA-OAEP.
pub(super) fn encrypted(password: &str, scramble: &[u8], pem: &[u8]) -> Result<Vec<u8>> {
    let bad = |why: String| Error::new(Condition::AccessDenied, format!("public key of mysqld: {why}"));
    let pem = std::str::from_utf8(pem).map_err(|e| bad(e.to_string()))?;
    let key = RsaPublicKey::from_public_key_pem(pem.trim_end_matches('\0').trim())
        .map_err(|e| bad(e.to_string()))?;
    let masked: Vec<u8> =
        zero_ended(password).iter().zip(scramble.iter().cycle()).map(|(p, s)| p ^ s).collect();
    key.encrypt(&mut rsa::rand_core::OsRng, Oaep::new::<Sha1>(), &masked).map_err(|e| bad(e.to_string()))
}
