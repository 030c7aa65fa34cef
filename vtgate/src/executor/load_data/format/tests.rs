use sqlast::{ParseOptions, ast::Statement};

use super::*;

fn format_of(clauses: &str) -> Result<Format> {
    let sql = format!("load data local infile 'x' into table t {clauses} (a)");
    match sqlast::parse(sql.as_bytes(), &ParseOptions::default()).unwrap() {
        Statement::LoadData(load) => Format::parse(&load.options, SqlMode::default()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_clauses_and_none() {
    assert_eq!(format_of("").unwrap(), Format::default_in(SqlMode::default()));
    let csv = format_of(
        "character set latin1 fields terminated by ',' optionally enclosed by '\"' escaped by '' lines starting by '>' \
         terminated by '\\r\\n' ignore 2 lines",
    );
    let expected = Format {
        charset: Charset::Latin1,
        fields_terminated_by: b",".to_vec(),
        enclosed_by: Some(b'"'),
        escaped_by: None,
        lines_starting_by: b">".to_vec(),
        lines_terminated_by: b"\r\n".to_vec(),
        ignore_lines: 2,
    };
    assert_eq!(csv.unwrap(), expected);
    let hex =
        format_of("charset 'binary' columns enclosed by 0x27 terminated by x'0102' ignore 1 rows").unwrap();
    assert_eq!((hex.enclosed_by, &hex.fields_terminated_by[..]), (Some(b'\''), &[1, 2][..]));
    assert_eq!(Format::default_in(SqlMode::NO_BACKSLASH_ESCAPES).escaped_by, None);
}

#[test]
fn what_is_wrong_is_said() {
    for (clauses, errno) in [
        ("fields", 1064),
        ("lines enclosed by 'x'", 1064),
        ("fields terminated by 5", 1064),
        ("lines terminated by ';' fields terminated by ','", 1064),
        ("ignore lines", 1064),
        ("fields enclosed by 'ab'", 1083),
        ("character set nope", 1115),
        ("character set gbk", 1235),
        ("fields terminated by ''", 1235),
    ] {
        let fault = format_of(clauses).unwrap_err();
        assert_eq!(fault.errno(), errno, "{clauses}: {fault}");
    }
}
