//! The users' file: a line each, `name:role:hash`, the hash in the PHC form of argon2id. It is read again when it
//! changes. A file that became unreadable or wrong leaves the users as they were, and is logged once.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString, rand_core::OsRng},
};
use vterrors::{Error, Result};

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Viewer,
    /// Everything.
    Operator,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "operator" => Ok(Self::Operator),
            other => Err(Error::invalid(format!("there is no role {other:?}: viewer or operator"))),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct User {
    role: Role,
    hash: String,
}

type ByName = BTreeMap<String, User>;

/// When the file was changed, and how long it is.
type Stamp = Option<(SystemTime, u64)>;

/// The file, as read last.
pub(in crate::web) struct Users {
    path: PathBuf,
    read: Mutex<(Stamp, Arc<ByName>)>,
    /// Checked for names that are not there, so that they take as long.
    nobody: String,
}

impl Users {
    pub fn open(path: PathBuf) -> Result<Self> {
        let stamp = stamp(&path);
        let users = read(&path)?;
        let nobody = hash("")?;
        Ok(Self { path, read: Mutex::new((stamp, Arc::new(users))), nobody })
    }

    fn current(&self) -> Arc<ByName> {
        let mut read_before = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.path);
        if now != read_before.0 {
            read_before.0 = now;
            match read(&self.path) {
                Ok(users) => read_before.1 = Arc::new(users),
                Err(e) => tracing::error!("--web-users-file: {e}; the users stay as they were"),
            }
        }
        read_before.1.clone()
    }

    pub fn role(&self, name: &str) -> Option<Role> {
        self.current().get(name).map(|user| user.role)
    }

    /// What a password is checked against, which takes time: see [`is_password`].
    pub fn hash_of(&self, name: &str) -> String {
        self.current().get(name).map_or_else(|| self.nobody.clone(), |user| user.hash.clone())
    }

    pub fn knows(&self, name: &str) -> bool {
        self.current().contains_key(name)
    }
}

/// Whether a hash was made of this password. Slow on purpose.
pub(super) fn is_password(password: &str, hash: &str) -> bool {
    let parsed = PasswordHash::new(hash);
    parsed.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

fn hash(password: &str) -> Result<String> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string())
        .map_err(|e| Error::internal(format!("the password cannot be hashed: {e}")))
}

/// The line of a users' file for a user.
pub fn user_line(name: &str, role: Role, password: &str) -> Result<String> {
    check_name(name)?;
    if password.len() < 8 {
        return Err(Error::invalid("the password is shorter than 8 bytes"));
    }
    Ok(format!("{name}:{}:{}", role.name(), hash(password)?))
}

fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    match !name.is_empty() && name.len() <= 64 && name.chars().all(fits) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "invalid user name {name:?}: 1 to 64 letters, digits, '.', '-', '_' or '@'"
        ))),
    }
}

fn stamp(path: &PathBuf) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn read(path: &PathBuf) -> Result<ByName> {
    let text = fs::read_to_string(path).map_err(|e| Error::invalid(format!("{}: {e}", path.display())))?;
    let users = parse(&text).map_err(|e| e.context(path.display().to_string()))?;
    if users.is_empty() {
        return Err(Error::invalid(format!("{}: there is no user in it", path.display())));
    }
    Ok(users)
}

/// Reads the lines; empty ones and those that begin with # say nothing. An error does not show the hash.
fn parse(text: &str) -> Result<ByName> {
    let mut users = ByName::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = |e: Error| e.context(format!("line {number}"));
        let mut fields = line.splitn(3, ':');
        let (Some(name), Some(role), Some(hash)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(at(Error::invalid(
                "expected name:role:hash (vtctld hash-password makes such lines)",
            )));
        };
        check_name(name).map_err(at)?;
        let role = role.parse().map_err(at)?;
        if PasswordHash::new(hash).is_err() || !hash.starts_with("$argon2") {
            return Err(at(Error::invalid(format!(
                "the password of {name} is no argon2 hash (vtctld hash-password makes such lines)"
            ))));
        }
        if users.insert(name.to_owned(), User { role, hash: hash.to_owned() }).is_some() {
            return Err(at(Error::invalid(format!("{name} is there twice"))));
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests;
