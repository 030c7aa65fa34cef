//! ALTER VSCHEMA: who may, and in which keyspace.

use std::str::FromStr;

use sqlast::ast::AlterVschema;
use vterrors::{Condition, Error, Result};

use super::{Executor, Outcome};
use crate::session::Session;

/// Who may change the VSchema (`--vschema-ddl-authorized-users`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum VschemaUsers {
    #[default]
    Nobody,
    Everybody,
    Users(Vec<String>),
}

impl FromStr for VschemaUsers {
    type Err = std::convert::Infallible;

    /// Names with commas between them; `%` is everybody, nothing is nobody.
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(match text.trim() {
            "" => Self::Nobody,
            "%" => Self::Everybody,
            names => Self::Users(names.split(',').map(|n| n.trim().to_owned()).collect()),
        })
    }
}

impl VschemaUsers {
    fn allows(&self, user: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::Users(users) => users.iter().any(|u| u == user),
        }
    }
}

impl Executor {
    pub(super) async fn alter_vschema(&self, session: &Session, alter: &AlterVschema) -> Result<Outcome> {
        let user = session.caller.immediate();
        if !self.config.vschema_ddl_users.allows(user) {
            return Err(Error::new(
                Condition::AccessDenied,
                format!("User '{user}' is not authorized to perform vschema operations"),
            ));
        }
        let keyspace = match vschema::named_keyspace(alter) {
            Some(keyspace) => keyspace,
            None => session.keyspace()?.to_owned(),
        };
        self.schema.alter(&keyspace, alter).await?;
        Ok(Outcome::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may() {
        let allows = |list: &str, user: &str| list.parse::<VschemaUsers>().unwrap().allows(user);
        assert!(!allows("", "a") && !allows("", "") && allows("%", "a"));
        assert!(allows("b, a", "a") && allows("a,b", "b") && !allows("a, b", "c"));
    }
}
