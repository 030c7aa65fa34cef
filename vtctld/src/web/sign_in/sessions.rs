//! Who is signed in. Sessions live in this process: after a restart people sign in again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The cookie that carries a session's token.
pub(super) const COOKIE: &str = "vivace_session";
/// A session ends when nothing was asked for so long, and after so long in any case.
const IDLE: Duration = Duration::from_secs(2 * 3600);
const TOTAL: Duration = Duration::from_secs(12 * 3600);
/// The session that was used least recently makes room for one more.
const MAX_SESSIONS: usize = 1_000;

struct Session {
    user: String,
    begun: Instant,
    used: Instant,
}

#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    fn with<T>(&self, f: impl FnOnce(&mut HashMap<String, Session>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins a session; the token is 256 random bits.
    pub fn begin(&self, user: &str) -> String {
        let token: String = rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect();
        let now = Instant::now();
        let session = Session { user: user.to_owned(), begun: now, used: now };
        self.with(|sessions| {
            sessions.retain(|_, s| s.lives());
            if sessions.len() >= MAX_SESSIONS
                && let Some(oldest) =
                    sessions.iter().min_by_key(|(_, s)| s.used).map(|(token, _)| token.clone())
            {
                sessions.remove(&oldest);
            }
            sessions.insert(token.clone(), session);
        });
        token
    }

    /// Whose session it is.
    pub fn user(&self, token: &str) -> Option<String> {
        self.with(|sessions| {
            let session = sessions.get_mut(token).filter(|s| s.lives())?;
            session.used = Instant::now();
            Some(session.user.clone())
        })
    }

    pub fn end(&self, token: &str) {
        self.with(|sessions| drop(sessions.remove(token)));
    }
}

impl Session {
    fn lives(&self) -> bool {
        self.used.elapsed() < IDLE && self.begun.elapsed() < TOTAL
    }
}

/// The token in a `Cookie` header.
pub(super) fn token(cookies: &str) -> Option<&str> {
    cookies.split(';').find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_its_tokens_until_it_ends() {
        let sessions = Sessions::default();
        let (a, b) = (sessions.begin("ada"), sessions.begin("ada"));
        assert!(a != b && a.len() == 64);
        let cookies = format!("theme=dark; {COOKIE}={a}");
        assert_eq!(token(&cookies).and_then(|t| sessions.user(t)).as_deref(), Some("ada"));
        sessions.end(&a);
        assert_eq!((sessions.user(&a), sessions.user(&b).as_deref()), (None, Some("ada")));
        assert_eq!(token("vivace_sessio=1; x"), None);
    }

    #[test]
    fn sessions_are_bounded() {
        let sessions = Sessions::default();
        let first = sessions.begin("ada");
        (0..MAX_SESSIONS).for_each(|_| drop(sessions.begin("bob")));
        assert_eq!(sessions.user(&first), None);
        assert_eq!(sessions.with(|s| s.len()), MAX_SESSIONS);
    }
}
