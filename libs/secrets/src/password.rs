//! Passwords by user, from a file that is watched: `--db-credentials-file`, in Vitess's form
//! `{"user": ["password", ...]}`, of whose passwords the first is used.

use std::{collections::BTreeMap, fmt, sync::Arc};

use vterrors::Result;

use crate::{Named, Watched};

/// The passwords of a file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Credentials(Arc<Watched<BTreeMap<String, String>>>);

impl Credentials {
    /// Reads the file; the error names flag and file, and tells nothing of what is in it.
    pub fn open(file: Named) -> Result<Self> {
        let path = file.path.clone();
        let watched = Watched::open("changed passwords", vec![path], move || parse(&file))?;
        Ok(Self(Arc::new(watched)))
    }

    /// The user's password as the file has it now; None for a user that it does not know.
    pub fn password(&self, user: &str) -> Option<String> {
        self.0.current().get(user).cloned()
    }
}

fn parse(file: &Named) -> Result<BTreeMap<String, String>> {
    let expected = "expected JSON of the form {\"user\": [\"password\"]}";
    // serde's errors may quote what they stumble over: only the place is told.
    let users: BTreeMap<String, Vec<String>> = serde_json::from_slice(&file.read()?).map_err(|e| {
        file.fault(format!("cannot be read at line {} column {}: {expected}", e.line(), e.column()))
    })?;
    users
        .into_iter()
        .map(|(user, passwords)| match passwords.into_iter().next() {
            Some(first) => Ok((user, first)),
            None => Err(file.fault(format!("user {user:?} has no password: {expected}"))),
        })
        .collect()
}

/// A password that is asked for whenever a connection is made. Cheap to clone.
#[derive(Clone, Default)]
pub struct Password {
    /// What holds when the file does not know the user.
    fixed: Arc<str>,
    file: Option<(Credentials, Arc<str>)>,
}

impl Password {
    /// That of `user` in the file, where there is one that knows the user, else `fixed`.
    pub fn of(user: &str, fixed: &str, file: Option<&Credentials>) -> Self {
        Self { fixed: fixed.into(), file: file.map(|f| (f.clone(), user.into())) }
    }

    /// The password as it is now.
    pub fn current(&self) -> String {
        let of_file = self.file.as_ref().and_then(|(file, user)| file.password(user));
        of_file.unwrap_or_else(|| self.fixed.to_string())
    }
}

impl From<&str> for Password {
    fn from(fixed: &str) -> Self {
        Self { fixed: fixed.into(), file: None }
    }
}

impl From<String> for Password {
    fn from(fixed: String) -> Self {
        fixed.as_str().into()
    }
}

/// The same source, whatever it says now.
impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        let same_file = match (&self.file, &other.file) {
            (Some((a, user)), Some((b, other))) => Arc::ptr_eq(&a.0, &b.0) && user == other,
            (None, None) => true,
            _ => false,
        };
        self.fixed == other.fixed && same_file
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.file.is_some() { "(from a file)" } else { "(hidden)" })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_file_counts_then_the_flag() {
        let dir = testkit::temp_dir();
        let path = dir.path().join("db.json");
        std::fs::write(&path, r#"{"vt_app": ["first", "second"], "vt_dba": [""]}"#).unwrap();
        let file = Credentials::open(Named::new("--db-credentials-file", &path)).unwrap();
        let of = |user| Password::of(user, "of the flag", Some(&file));
        let (app, other) = (of("vt_app"), of("vt_repl"));
        assert_eq!((app.current().as_str(), other.current().as_str()), ("first", "of the flag"));
        assert_eq!(of("vt_dba").current(), "");
        assert!(!format!("{app:?} {file:?}").contains("first"));
        std::fs::write(&path, r#"{"vt_app": ["rotated"]}"#).unwrap();
        testkit::wait_until("the new password", Duration::from_secs(10), || match app.current().as_str() {
            "rotated" => Ok(()),
            other => Err(other.to_owned()),
        });
    }

    #[test]
    fn what_is_wrong_is_told_without_what_is_in_it() {
        let dir = testkit::temp_dir();
        let path = dir.path().join("db.json");
        let open = || Credentials::open(Named::new("--db-credentials-file", &path)).unwrap_err().to_string();
        assert!(open().contains("--db-credentials-file") && open().contains("db.json: No such file"));
        for text in [r#"{"u": "planted"}"#, r#"{"u": ["planted]}"#, "planted", r#"{"u": []}"#] {
            std::fs::write(&path, text).unwrap();
            let e = open();
            assert!(e.contains("db.json") && e.contains("expected JSON"), "{e}");
            assert!(!e.contains("planted"), "{e}");
        }
    }
}
