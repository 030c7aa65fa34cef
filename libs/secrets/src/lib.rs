//! Files that hold secrets: certificates, keys, passwords. Read here, looked at again when they change, and spoken
//! of in errors and logs by flag, path and subject, never by what is in them.
//!
//! What must hold:
//! - **A changed file counts from the next connection on**, without a restart and without anybody telling
//!   ([`Watched`]): whoever opens a connection asks for the current state first. A changed file that cannot be used is
//!   told of once, and what was read before stays.
//! - **Both ends of a refused connection say why**: which file, whose certificate, until when it was good
//!   ([`tls`]).
//! - No `Debug` here prints a secret.

mod certificate;
mod named;
mod password;
pub mod tls;
mod watched;

pub use certificate::Certificate;
pub use named::Named;
pub use password::{Credentials, Password};
pub use watched::Watched;
