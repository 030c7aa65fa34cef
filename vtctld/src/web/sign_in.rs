//! Signing in: the users' file, sessions, and how often one may fail.

mod attempts;
pub(super) mod routes;
mod sessions;
pub(super) mod users;

use tokio::sync::Semaphore;
use vterrors::{Error, Result};

use crate::{Options, web::guard::Caller};
use attempts::Attempts;
use sessions::Sessions;
use users::{Role, Users};

/// Said where the port can be reached from elsewhere and nobody can sign in.
pub(super) const READ_ONLY: &str = "vtctld listens beyond this machine and has no --web-users-file: anybody may look, \
                                    nobody may change anything. Start it with --web-users-file, or on loopback.";

/// Said where people sign in over a network without TLS.
const WITHOUT_TLS: &str =
    "give --http-cert and --http-key, unless only a proxy that speaks TLS reaches this port";

/// Passwords that are checked at a time: each takes 19 MiB and some milliseconds on purpose.
const CHECKS: usize = 2;

/// How people are known.
pub(super) enum SignIn {
    /// Loopback and no users' file: whoever is on this machine is the operator.
    Nobody,
    /// Reachable from elsewhere, and no users' file.
    ReadOnly,
    Users(Box<Signing>),
}

/// What signing in needs.
pub(super) struct Signing {
    users: Users,
    sessions: Sessions,
    attempts: Attempts,
    checks: Semaphore,
}

impl SignIn {
    /// As the options say; a users' file that cannot be used is an error.
    pub fn of(options: &Options) -> Result<Self> {
        let address = options.server.http_address()?;
        let is_loopback = address.is_none_or(|address| address.ip().is_loopback());
        if let Some(path) = &options.web_users_file {
            let users =
                Users::open(path.clone()).map_err(|e| Error::invalid(format!("--web-users-file: {e}")))?;
            if let (Some(address), false, None) = (address, is_loopback, &options.server.http_cert) {
                tracing::warn!("passwords of the web pages are sent to {address} as they are: {WITHOUT_TLS}");
            }
            return Ok(Self::Users(Box::new(Signing {
                users,
                sessions: Sessions::default(),
                attempts: Attempts::default(),
                checks: Semaphore::new(CHECKS),
            })));
        }
        Ok(if is_loopback { Self::Nobody } else { Self::ReadOnly })
    }

    /// Who asks, by their cookies; none who has to sign in first.
    pub fn caller(&self, cookies: &str) -> Option<Caller> {
        match self {
            Self::Nobody => Some(Caller { name: "local".into(), role: Role::Operator }),
            Self::ReadOnly => Some(Caller { name: "anybody".into(), role: Role::Viewer }),
            Self::Users(signing) => {
                let name = signing.sessions.user(sessions::token(cookies)?)?;
                // The file counts, not what it said when they signed in.
                let role = signing.users.role(&name)?;
                Some(Caller { name, role })
            }
        }
    }
}
