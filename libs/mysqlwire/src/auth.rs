//! The arithmetic of MySQL's two password methods: scrambles a client sends and a server checks.

use sha1::{Digest, Sha1};
use sha2::Sha256;

/// Length of the random bytes a server greets with.
pub const SALT_LEN: usize = 20;

fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut h = Sha1::new();
    parts.iter().for_each(|p| h.update(p));
    h.finalize().into()
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut h = Sha256::new();
    parts.iter().for_each(|p| h.update(p));
    h.finalize().into()
}

fn xor<const N: usize>(a: [u8; N], b: &[u8]) -> [u8; N] {
    let mut out = a;
    out.iter_mut().zip(b).for_each(|(x, y)| *x ^= y);
    out
}

/// What `mysql_native_password` sends; empty for an empty password.
pub fn native_scramble(password: &[u8], salt: &[u8]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let stage1 = sha1(&[password]);
    let stage2 = sha1(&[&stage1]);
    xor(stage1, &sha1(&[salt, &stage2])).to_vec()
}

/// SHA1(SHA1(password)): what a server keeps (`MysqlNativePassword`, after its `*` in hex).
pub fn native_hash(password: &[u8]) -> [u8; 20] {
    sha1(&[&sha1(&[password])])
}

/// Whether `scramble` answers `salt` for the password whose double SHA1 is `stage2`.
pub fn native_verify(scramble: &[u8], salt: &[u8], stage2: &[u8; 20]) -> bool {
    let Ok(scramble) = <[u8; 20]>::try_from(scramble) else { return false };
    let stage1 = xor(scramble, &sha1(&[salt, stage2]));
    constant_time_eq(&sha1(&[&stage1]), stage2)
}

/// What `caching_sha2_password` sends on its fast path; empty for an empty password.
pub fn sha2_scramble(password: &[u8], salt: &[u8]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let stage1 = sha256(&[password]);
    let stage2 = sha256(&[&stage1]);
    xor(stage1, &sha256(&[&stage2, salt])).to_vec()
}

/// SHA256(SHA256(password)): enough to check the fast path.
pub fn sha2_hash(password: &[u8]) -> [u8; 32] {
    sha256(&[&sha256(&[password])])
}

/// Whether `scramble` answers `salt` for the password whose double SHA256 is `stage2`.
pub fn sha2_verify(scramble: &[u8], salt: &[u8], stage2: &[u8; 32]) -> bool {
    let Ok(scramble) = <[u8; 32]>::try_from(scramble) else { return false };
    let stage1 = xor(scramble, &sha256(&[stage2, salt]));
    constant_time_eq(&sha256(&[&stage1]), stage2)
}

/// The password as it is sent before RSA encryption: with its zero byte, xored with the salt in a circle.
/// The same operation undoes it.
pub fn xor_with_salt(password: &[u8], salt: &[u8]) -> Vec<u8> {
    password.iter().zip(salt.iter().cycle()).map(|(p, s)| p ^ s).collect()
}

/// Compares secrets without telling by its time where they differ.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &[u8; 20] = b"abcdefghijklmnopqrst";

    #[test]
    fn the_right_password_answers_the_salt() {
        assert!(native_verify(&native_scramble(b"secret", SALT), SALT, &native_hash(b"secret")));
        assert!(sha2_verify(&sha2_scramble(b"secret", SALT), SALT, &sha2_hash(b"secret")));
    }

    #[test]
    fn wrong_passwords_salts_and_lengths_do_not() {
        assert!(!native_verify(&native_scramble(b"Secret", SALT), SALT, &native_hash(b"secret")));
        assert!(!native_verify(&native_scramble(b"secret", b"x"), SALT, &native_hash(b"secret")));
        assert!(!native_verify(b"", SALT, &native_hash(b"secret")));
        assert!(!sha2_verify(&sha2_scramble(b"Secret", SALT), SALT, &sha2_hash(b"secret")));
        assert!(!sha2_verify(b"", SALT, &sha2_hash(b"secret")));
    }

    #[test]
    fn the_hash_is_mysqls() {
        // SELECT PASSWORD('mypass') of the MySQL 5.7 manual.
        assert_eq!(hex_upper(&native_hash(b"mypass")), "6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4");
    }

    fn hex_upper(b: &[u8]) -> String {
        b.iter().map(|b| format!("{b:02X}")).collect()
    }
}
