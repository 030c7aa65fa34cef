//! The static credentials: a JSON object user -> list of entries, in Vitess's form.
//!
//! An entry keeps the password itself (`Password`), or `*` and the double SHA1 in hex
//! (`MysqlNativePassword`), or the double SHA256 in hex (`CachingSha2Password`).

use std::{collections::HashMap, path::Path};

use async_trait::async_trait;
use mysqlwire::{
    auth::{constant_time_eq, native_hash, native_verify, sha2_hash, sha2_verify},
    server::{Authenticated, Authenticator, Proof},
};
use rsa::{RsaPrivateKey, rand_core::OsRng};
use serde_json::Value;
use vterrors::{Error, Result};

const RSA_BITS: usize = 2048;

/// Who may come in.
pub struct Users {
    /// `None`: everybody.
    users: Option<HashMap<String, Vec<Entry>>>,
    key: RsaPrivateKey,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    password: Option<Vec<u8>>,
    native: Option<[u8; 20]>,
    sha2: Option<[u8; 32]>,
    user_data: String,
    groups: Vec<String>,
}

impl Users {
    /// Everybody is let in under the name they give.
    pub fn everybody() -> Result<Self> {
        Ok(Self { users: None, key: new_key()? })
    }

    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::invalid(format!("cannot read the users file {}: {e}", path.display())))?;
        Self::from_json(&text).map_err(|e| e.context(format!("users file {}", path.display())))
    }

    pub fn from_json(text: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(text).map_err(|e| Error::invalid(format!("not JSON: {e}")))?;
        let object = json.as_object().ok_or_else(|| Error::invalid("not a JSON object of users"))?;
        let mut users = HashMap::new();
        for (user, entries) in object {
            // A single entry may stand without a list.
            let list = entries.as_array().cloned().unwrap_or_else(|| vec![entries.clone()]);
            let entries = list.iter().map(|e| Entry::parse(user, e)).collect::<Result<Vec<_>>>()?;
            users.insert(user.clone(), entries);
        }
        Ok(Self { users: Some(users), key: new_key()? })
    }
}

fn new_key() -> Result<RsaPrivateKey> {
    RsaPrivateKey::new(&mut OsRng, RSA_BITS).map_err(|e| Error::internal(format!("RSA key: {e}")))
}

impl Entry {
    fn parse(user: &str, json: &Value) -> Result<Self> {
        let text = |key: &str| json.get(key).and_then(Value::as_str).filter(|s| !s.is_empty());
        let hash = |key: &str| {
            let bad = || Error::invalid(format!("user {user}: {key} is not a hash in hex"));
            text(key).map(|s| hex::decode(s.trim_start_matches('*')).map_err(|_| bad())).transpose()
        };
        let sized = |key: &str| Error::invalid(format!("user {user}: {key} has the wrong length"));
        Ok(Self {
            // A user with an empty password is one whose entry says so.
            password: json.get("Password").and_then(Value::as_str).map(|p| p.as_bytes().to_vec()),
            native: hash("MysqlNativePassword")?
                .map(|h| h.try_into().map_err(|_| sized("MysqlNativePassword")))
                .transpose()?,
            sha2: hash("CachingSha2Password")?
                .map(|h| h.try_into().map_err(|_| sized("CachingSha2Password")))
                .transpose()?,
            user_data: text("UserData").unwrap_or_default().to_owned(),
            groups: json
                .get("Groups")
                .and_then(Value::as_array)
                .map(|g| g.iter().filter_map(|g| g.as_str().map(str::to_owned)).collect())
                .unwrap_or_default(),
        })
    }

    fn judge(&self, user: &str, proof: &Proof<'_>) -> Authenticated {
        let has_hash = self.native.is_some() || self.sha2.is_some();
        let right = match (proof, self) {
            (Proof::Empty, e) => !has_hash && e.password.as_ref().is_none_or(Vec::is_empty),
            (Proof::Native { scramble, salt }, Self { native: Some(hash), .. }) => {
                native_verify(scramble, salt, hash)
            }
            (Proof::Sha2 { scramble, salt }, Self { sha2: Some(hash), .. }) => {
                sha2_verify(scramble, salt, hash)
            }
            (Proof::Native { .. }, Self { sha2: Some(_), .. }) => return Authenticated::NeedsPlain,
            (Proof::Sha2 { .. }, Self { native: Some(_), .. }) => return Authenticated::NeedsNative,
            (Proof::Native { scramble, salt }, Self { password: Some(p), .. }) => {
                native_verify(scramble, salt, &native_hash(p))
            }
            (Proof::Sha2 { scramble, salt }, Self { password: Some(p), .. }) => {
                sha2_verify(scramble, salt, &sha2_hash(p))
            }
            (Proof::Plain(given), e) => match (&e.sha2, &e.native, &e.password) {
                (Some(hash), _, _) => constant_time_eq(&sha2_hash(given), hash),
                (_, Some(hash), _) => constant_time_eq(&native_hash(given), hash),
                (_, _, Some(p)) => constant_time_eq(given, p),
                _ => false,
            },
            (Proof::Native { .. } | Proof::Sha2 { .. }, _) => false,
        };
        if !right {
            return Authenticated::No;
        }
        let user_data = if self.user_data.is_empty() { user.to_owned() } else { self.user_data.clone() };
        Authenticated::Yes { user_data, groups: self.groups.clone() }
    }
}

#[async_trait]
impl Authenticator for Users {
    async fn judge(&self, user: &str, proof: Proof<'_>) -> Authenticated {
        let Some(users) = &self.users else {
            return Authenticated::Yes { user_data: user.to_owned(), groups: Vec::new() };
        };
        let mut verdict = Authenticated::No;
        for entry in users.get(user).into_iter().flatten() {
            match entry.judge(user, &proof) {
                yes @ Authenticated::Yes { .. } => return yes,
                Authenticated::No => {}
                other => verdict = other,
            }
        }
        verdict
    }

    fn rsa_key(&self) -> Option<&RsaPrivateKey> {
        Some(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use mysqlwire::auth::{native_scramble, sha2_scramble};

    use super::*;

    const SALT: &[u8] = b"abcdefghijklmnopqrst";

    async fn native(users: &Users, user: &str, password: &[u8]) -> Authenticated {
        let scramble = native_scramble(password, SALT);
        let proof = if scramble.is_empty() {
            Proof::Empty
        } else {
            Proof::Native { scramble: &scramble, salt: SALT }
        };
        users.judge(user, proof).await
    }

    fn is_yes(a: &Authenticated) -> bool {
        matches!(a, Authenticated::Yes { .. })
    }

    #[tokio::test]
    async fn passwords_and_hashes_are_checked() {
        let json = format!(
            r#"{{"a": [{{"Password": "pa", "UserData": "ua"}}, {{"Password": "pb"}}],
                 "h": {{"MysqlNativePassword": "*{}"}}, "s": {{"CachingSha2Password": "{}"}}, "e": [{{"Password": ""}}]}}"#,
            hex::encode(native_hash(b"ph")),
            hex::encode(sha2_hash(b"ps")),
        );
        let users = Users::from_json(&json).unwrap();
        assert_eq!(
            native(&users, "a", b"pa").await,
            Authenticated::Yes { user_data: "ua".into(), groups: vec![] }
        );
        assert!(is_yes(&native(&users, "a", b"pb").await));
        assert!(is_yes(&native(&users, "h", b"ph").await));
        assert!(is_yes(&native(&users, "e", b"").await));
        for (user, password) in
            [("a", &b"no"[..]), ("a", b""), ("h", b"pa"), ("h", b""), ("e", b"x"), ("nobody", b"")]
        {
            assert_eq!(native(&users, user, password).await, Authenticated::No, "{user}");
        }
        assert_eq!(native(&users, "s", b"ps").await, Authenticated::NeedsPlain);
        let scramble = sha2_scramble(b"ps", SALT);
        assert!(is_yes(&users.judge("s", Proof::Sha2 { scramble: &scramble, salt: SALT }).await));
        assert!(is_yes(&users.judge("s", Proof::Plain(b"ps")).await));
        assert!(!is_yes(&users.judge("s", Proof::Plain(b"pS")).await));
    }

    #[test]
    fn bad_files_are_refused_by_name() {
        for (json, word) in
            [("[]", "object"), ("{", "JSON"), (r#"{"u": [{"MysqlNativePassword": "*zz"}]}"#, "user u")]
        {
            let e = Users::from_json(json).err().unwrap();
            assert!(e.message().contains(word), "{e}");
        }
    }
}
