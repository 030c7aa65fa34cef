use super::*;

fn row(columns: &[(&str, Option<&str>)]) -> NamedRow {
    NamedRow::new(columns.iter().copied())
}

#[test]
fn versions_are_read_wherever_they_stand() {
    let of = |text: &str| {
        let v: ServerVersion = text.parse().unwrap();
        (v.kind, v.major, v.minor, v.patch)
    };
    assert_eq!(of("9.7.4-2"), (FlavorKind::MySql, 9, 7, 4));
    assert_eq!(of("8.0.36-28"), (FlavorKind::MySql, 8, 0, 36));
    assert_eq!(of("5.5.5-10.11.19-MariaDB-deb12"), (FlavorKind::MariaDb, 10, 11, 19));
    assert_eq!(of("mariadbd  Ver 11.8.2-MariaDB for Linux"), (FlavorKind::MariaDb, 11, 8, 2));
    assert_eq!(of("/x/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))"), (FlavorKind::MySql, 9, 7, 4));
    assert!("mystery".parse::<ServerVersion>().is_err());
}

#[test]
fn old_servers_are_refused_by_name() {
    for (version, names) in
        [("8.0.20", "MySQL 8.0.20"), ("5.7.44-log", "MySQL 5.7.44"), ("10.6.1-MariaDB", "MariaDB 10.6.1")]
    {
        let error = detect(version).unwrap_err();
        assert!(error.message().contains(names), "{error}");
    }
}

#[test]
fn names_follow_the_version() {
    let (old, new) = (detect("8.0.36").unwrap(), detect("8.4.0").unwrap());
    assert_eq!(old.binlog_status_query(), "SHOW MASTER STATUS");
    assert_eq!(new.binlog_status_query(), "SHOW BINARY LOG STATUS");
    assert_eq!(old.reset_replication().last().unwrap(), "RESET MASTER");
    assert_eq!(new.reset_replication().last().unwrap(), "RESET BINARY LOGS AND GTIDS");
}

#[test]
fn a_source_is_quoted_and_positioned_by_gtid() {
    let source = Source {
        host: "db'1".into(),
        port: 3306,
        user: "vt_repl".into(),
        password: "p\\w".into(),
        connect_retry: 10,
        heartbeat_interval: 0.25,
        tls: None,
    };
    let mysql = detect("9.7.4").unwrap().set_source(&source).join(";");
    assert!(mysql.contains("SOURCE_HOST = 'db''1'"), "{mysql}");
    assert!(mysql.contains("SOURCE_PASSWORD = 'p\\\\w'"), "{mysql}");
    assert!(mysql.contains("SOURCE_AUTO_POSITION = 1") && mysql.contains("SOURCE_HEARTBEAT_PERIOD = 0.250"));
    let maria = detect("10.11.19-MariaDB").unwrap().set_source(&source).join(";");
    assert!(maria.contains("MASTER_USE_GTID = slave_pos"), "{maria}");
}

#[test]
fn a_source_is_reached_by_tls_in_each_familys_words() {
    let mut source = Source {
        host: "db1".into(),
        port: 3306,
        user: "vt_repl".into(),
        password: "it's planted".into(),
        connect_retry: 10,
        heartbeat_interval: 0.0,
        tls: None,
    };
    let families = [("9.7.4", "SOURCE"), ("10.11.19-MariaDB", "MASTER")];
    for (version, word) in families {
        let plain = detect(version).unwrap().set_source(&source).join(";");
        assert!(plain.contains(&format!("{word}_SSL = 0")), "{plain}");
    }
    source.tls = Some(SourceTls { ca: Some("/c/ca.pem".into()), verify_host: true, ..SourceTls::default() });
    for (version, word) in families {
        let text = detect(version).unwrap().set_source(&source).join(";");
        for part in ["_SSL = 1", "_SSL_CA = '/c/ca.pem'", "_SSL_KEY = ''", "_SSL_VERIFY_SERVER_CERT = 1"] {
            assert!(text.contains(&format!("{word}{part}")), "{part}: {text}");
        }
    }
    // What a server quotes of the statement is not passed on.
    let quoted = Error::mysql(1064, *b"42000", "... near 'SOURCE_PASSWORD = 'it''s planted', x' at line 1");
    let e = source.hide_password(quoted);
    assert_eq!(e.errno(), 1064);
    assert!(!e.message().contains("planted") && e.message().contains("near"), "{e}");
    assert!(!format!("{source:?}").contains("planted"));
}

#[test]
fn positions_lose_their_prefix_on_the_way_to_the_server() {
    let mysql = detect("9.7.4").unwrap();
    let set = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5";
    for given in [set.to_owned(), format!("MySQL56/{set}")] {
        assert_eq!(mysql.set_position(&given), [format!("SET GLOBAL gtid_purged = '{set}'")]);
    }
    assert_eq!(
        mysql.wait_for_position(set, Duration::from_millis(1500)),
        format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{set}', 1.500)")
    );
    assert!(mysql.parse_wait(&row(&[("x", Some("0"))])).unwrap());
    assert!(!mysql.parse_wait(&row(&[("x", Some("1"))])).unwrap());
    assert!(mysql.parse_wait(&row(&[("x", None)])).is_err());
}

#[test]
fn a_mysql_replica_s_status_is_read() {
    let status = detect("9.7.4")
        .unwrap()
        .parse_replica_status(&row(&[
            ("Source_Host", Some("h1")),
            ("Source_Port", Some("17100")),
            ("Source_User", Some("vt_repl")),
            ("Replica_IO_Running", Some("Connecting")),
            ("Replica_SQL_Running", Some("Yes")),
            ("Seconds_Behind_Source", None),
            ("Last_IO_Error", Some("cannot connect")),
            (
                "Executed_Gtid_Set",
                Some("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5,\n4e11fa47-71ca-11e1-9e33-c80aa9429562:1"),
            ),
            ("Retrieved_Gtid_Set", Some("3e11fa47-71ca-11e1-9e33-c80aa9429562:4-9")),
            ("Auto_Position", Some("1")),
        ]))
        .unwrap();
    assert_eq!((status.io_state, status.sql_state), (2, 3));
    assert!(status.replication_lag_unknown && status.auto_position);
    assert_eq!(
        status.position,
        "MySQL56/3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5,4e11fa47-71ca-11e1-9e33-c80aa9429562:1"
    );
    assert_eq!(
        status.relay_log_position,
        "MySQL56/3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9,4e11fa47-71ca-11e1-9e33-c80aa9429562:1"
    );
    assert_eq!(status.last_io_error, "cannot connect");
}

#[test]
fn a_mariadb_replica_s_status_is_read() {
    let status = detect("10.11.19-MariaDB")
        .unwrap()
        .parse_replica_status(&row(&[
            ("Master_Host", Some("h1")),
            ("Slave_IO_Running", Some("Yes")),
            ("Slave_SQL_Running", Some("No")),
            ("Seconds_Behind_Master", Some("7")),
            ("Using_Gtid", Some("Slave_Pos")),
            ("Gtid_IO_Pos", Some("0-1-9")),
            ("Gtid_Slave_Pos", Some("0-1-7")),
        ]))
        .unwrap();
    assert_eq!((status.io_state, status.sql_state, status.replication_lag_seconds), (3, 1, 7));
    assert_eq!(
        (status.position.as_str(), status.relay_log_position.as_str()),
        ("MariaDB/0-1-7", "MariaDB/0-1-9")
    );
    assert!(status.using_gtid);
}

#[test]
fn semi_sync_is_read_under_old_and_new_names() {
    let rows = [
        row(&[("Variable_name", Some("Rpl_semi_sync_master_clients")), ("Value", Some("2"))]),
        row(&[("Variable_name", Some("rpl_semi_sync_source_enabled")), ("Value", Some("ON"))]),
        row(&[("Variable_name", Some("rpl_semi_sync_slave_enabled")), ("Value", Some("1"))]),
    ];
    let status = detect("9.7.4").unwrap().parse_semi_sync(&rows);
    assert_eq!((status.clients, status.source_enabled, status.replica_enabled), (2, true, true));
}
