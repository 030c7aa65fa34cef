use super::*;
use crate::flavor::detect;

#[test]
fn the_layout_is_vitess_s() {
    let cnf = Mycnf::new(Path::new("/data"), 100, 17100, None);
    assert_eq!(cnf.path(), Path::new("/data/vt_0000000100/my.cnf"));
    assert_eq!(cnf.socket, Path::new("/data/vt_0000000100/mysql.sock"));
    assert_eq!(cnf.binlog_prefix(), Path::new("/data/vt_0000000100/bin-logs/vt-0000000100-bin"));
    assert_eq!(cnf.relay_log_prefix(), Path::new("/data/vt_0000000100/relay-logs/vt-0000000100-relay-bin"));
    assert_eq!(cnf.innodb_log_dir(), Path::new("/data/vt_0000000100/innodb/logs"));
}

#[test]
fn extra_text_comes_last_and_reads_back() {
    let dir = std::env::temp_dir().join(format!("mycnf-test-{}", std::process::id()));
    let mut cnf = Mycnf::new(&dir, 7, 3306, None);
    cnf.server_id = 4_000_000_000;
    let options = CnfOptions { extra: vec!["port=3399".into()], ..CnfOptions::default() };
    let text = cnf.generate(detect("9.7.4").unwrap().as_ref(), &options);
    assert!(text.contains("\nsuper_read_only = ON\n"), "{text}");
    assert!(text.contains("\ngtid_mode = ON\n"), "{text}");
    fs::create_dir_all(&cnf.tablet_dir).unwrap();
    fs::write(cnf.path(), &text).unwrap();
    let mut read = Mycnf::new(&dir, 7, 3306, None);
    read.read_back().unwrap();
    assert_eq!((read.server_id, read.mysql_port), (4_000_000_000, 3399));
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn mariadb_gets_its_own_words() {
    let text = Mycnf::new(Path::new("/d"), 1, 1, None)
        .generate(detect("10.11.19-MariaDB").unwrap().as_ref(), &CnfOptions::default());
    assert!(text.contains("gtid_strict_mode") && !text.contains("super_read_only"), "{text}");
    assert!(!text.contains("plugin-load-add"), "{text}");
}

#[test]
fn a_socket_path_that_is_too_long_is_refused_by_name() {
    let root = PathBuf::from("/").join("x".repeat(120));
    let error = Mycnf::new(&root, 1, 1, None).check().unwrap_err();
    assert!(error.message().contains("socket path"), "{error}");
}
