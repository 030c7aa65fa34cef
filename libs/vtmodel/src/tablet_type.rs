//! The names of tablet types as options, records and metrics spell them.

use proto::topodata::TabletType;
use vterrors::{Error, Result};

/// Reads a type in any case; `master` and `batch` are old names of `primary` and `rdonly`.
pub fn parse_tablet_type(s: &str) -> Result<TabletType> {
    Ok(match s.to_ascii_lowercase().as_str() {
        "primary" | "master" => TabletType::Primary,
        "replica" => TabletType::Replica,
        "rdonly" | "batch" => TabletType::Rdonly,
        "spare" => TabletType::Spare,
        "experimental" => TabletType::Experimental,
        "backup" => TabletType::Backup,
        "restore" => TabletType::Restore,
        "drained" => TabletType::Drained,
        "unknown" => TabletType::Unknown,
        _ => return Err(Error::invalid(format!("unknown TabletType {s}"))),
    })
}

/// `PRIMARY`, `REPLICA`...
pub fn tablet_type_name(t: TabletType) -> &'static str {
    t.as_str_name()
}

/// `primary`, `replica`...
pub fn tablet_type_lower(t: TabletType) -> &'static str {
    match t {
        TabletType::Unknown => "unknown",
        TabletType::Primary => "primary",
        TabletType::Replica => "replica",
        TabletType::Rdonly => "rdonly",
        TabletType::Spare => "spare",
        TabletType::Experimental => "experimental",
        TabletType::Backup => "backup",
        TabletType::Restore => "restore",
        TabletType::Drained => "drained",
    }
}
