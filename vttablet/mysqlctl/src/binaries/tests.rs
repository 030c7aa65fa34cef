use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

fn fake(dir: &Path, name: &str, says: &str) {
    fs::create_dir_all(dir).unwrap();
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn mysql_comes_before_mariadb_and_a_wanted_family_is_found() {
    let dir = testkit::temp_dir();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    fake(&a, "mariadbd", "mariadbd  Ver 10.11.19-MariaDB for debian-linux-gnu");
    fake(&b, "mysqld", "/b/mysqld  Ver 9.7.4-2 for Linux on x86_64");
    let search = SearchPath(vec![a.clone(), b.clone()]);
    assert_eq!(Binaries::find(&search, None).unwrap().mysqld, b.join("mysqld"));
    let maria = Binaries::find(&search, Some(FlavorKind::MariaDb)).unwrap();
    assert_eq!((maria.mysqld, maria.version.major), (a.join("mariadbd"), 10));
    let only_maria = SearchPath(vec![a]);
    assert_eq!(Binaries::find(&only_maria, None).unwrap().version.kind, FlavorKind::MariaDb);
    let error = Binaries::find(&only_maria, Some(FlavorKind::MySql)).unwrap_err();
    assert!(error.message().contains("mariadbd is MariaDB 10.11.19"), "{error}");
}

#[test]
fn the_cache_folder_is_the_last_place() {
    let search = SearchPath::from_values(
        Some("/opt/mysql".as_ref()),
        Some("/usr/local/bin:/bin".as_ref()),
        None,
        Some("/home/u".as_ref()),
    );
    assert_eq!(search.0.first().unwrap(), Path::new("/opt/mysql/sbin"));
    assert_eq!(search.0.last().unwrap(), Path::new("/home/u/.cache/vivace/mysql-unstable/bin"));
}
