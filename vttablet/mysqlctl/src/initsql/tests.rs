use super::*;

#[test]
fn statements_are_cut_where_the_client_cuts_them() {
    let text = "# head; no cut\nSET @a = 'x;y'; -- tail;\n\nCREATE USER `a;b`@'%'; /* only ; a comment */ ;\n\
                INSERT INTO t VALUES ('it''s', \"q\\\";\");\nSELECT 1";
    assert_eq!(
        statements(text),
        [
            "# head; no cut\nSET @a = 'x;y'",
            "-- tail;\n\nCREATE USER `a;b`@'%'",
            "INSERT INTO t VALUES ('it''s', \"q\\\";\")",
            "SELECT 1",
        ]
    );
}

#[test]
fn delimiter_lines_change_the_cut() {
    let text = "DELIMITER //\nCREATE TRIGGER a BEGIN SELECT 1; SELECT 2; END//\ndelimiter ;\nSELECT 3;";
    assert_eq!(statements(text), ["CREATE TRIGGER a BEGIN SELECT 1; SELECT 2; END", "SELECT 3"]);
}

#[test]
fn comments_alone_are_no_statement() {
    assert!(statements("# nothing\n-- here\n/* or here */ ; ;\n").is_empty());
    assert_eq!(statements("/*!80000 SET @x=1 */;"), ["/*!80000 SET @x=1 */"]);
}

#[test]
fn no_service_user_but_the_dba_has_rights_over_read_only() {
    for sql in mysql_users().iter().chain(&mariadb_users()) {
        if !sql.contains("vt_dba") {
            for right in ["SUPER", "CONNECTION_ADMIN", "READ_ONLY ADMIN", "GRANT ALL"] {
                assert!(!sql.contains(right), "{sql}");
            }
        }
    }
}
