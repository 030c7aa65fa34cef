//! GTID sets of both flavours: what a server has executed, compared and merged.

mod mariadb;
mod mysql56;

pub use mariadb::MariadbGtidSet;
pub use mysql56::Mysql56GtidSet;
