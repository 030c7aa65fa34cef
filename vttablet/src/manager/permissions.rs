//! GetPermissions: mysqld's users and their rights, with checksums in place of passwords.

use std::collections::HashMap;

use mysqlctl::NamedRow;
use proto::tabletmanagerdata::{DbPermission, Permissions, UserPermission};
use vterrors::Result;

use crate::tablet::Tablet;

/// The most rows of each table.
const MAX_USERS: usize = 10_000;

impl Tablet {
    pub async fn permissions(&self) -> Result<Permissions> {
        let users =
            self.dba.rows(&format!("select * from mysql.user order by host, user limit {MAX_USERS}")).await?;
        let dbs = self
            .dba
            .rows(&format!("select * from mysql.db order by host, db, user limit {MAX_USERS}"))
            .await?;
        Ok(Permissions {
            user_permissions: users.iter().map(user).collect(),
            db_permissions: dbs.iter().map(db).collect(),
        })
    }

    /// Values of `show global status`, all of them when no names are given.
    pub async fn global_status(&self, names: &[String]) -> Result<HashMap<String, String>> {
        let rows = self.dba.rows("show global status").await?;
        let pairs = rows.iter().filter_map(|r| Some((r.text("Variable_name")?, r.text("Value")?)));
        Ok(pairs
            .filter(|(name, _)| names.is_empty() || names.iter().any(|n| n.eq_ignore_ascii_case(name)))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}

fn rights(row: &NamedRow, without: &[&str]) -> HashMap<String, String> {
    row.columns()
        .filter(|(name, _)| !without.iter().any(|w| w.eq_ignore_ascii_case(name)))
        .map(|(name, value)| (name.to_owned(), value.unwrap_or_default().to_owned()))
        .collect()
}

fn user(row: &NamedRow) -> UserPermission {
    let text = |name: &str| row.text(name).unwrap_or_default().to_owned();
    let password = row.text("authentication_string").or(row.text("Password")).unwrap_or_default();
    UserPermission {
        host: text("Host"),
        user: text("User"),
        password_checksum: checksum(password.as_bytes()),
        privileges: rights(
            row,
            &["Host", "User", "Password", "authentication_string", "password_last_changed"],
        ),
    }
}

fn db(row: &NamedRow) -> DbPermission {
    let text = |name: &str| row.text(name).unwrap_or_default().to_owned();
    DbPermission {
        host: text("Host"),
        db: text("Db"),
        user: text("User"),
        privileges: rights(row, &["Host", "Db", "User"]),
    }
}

/// CRC-64 with the ISO polynomial, as Vitess compares passwords by.
fn checksum(bytes: &[u8]) -> u64 {
    const POLYNOMIAL: u64 = 0xD800_0000_0000_0000;
    !bytes.iter().fold(!0u64, |crc, byte| {
        (0..8).fold(
            crc ^ u64::from(*byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 },
        )
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_crc_64_iso() {
        assert_eq!(super::checksum(b"123456789"), 0xB909_56C7_75A4_1001);
        assert_eq!(super::checksum(b""), 0);
    }
}
