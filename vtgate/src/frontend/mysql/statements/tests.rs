use sqlast::{ParseOptions, SqlMode};

use super::*;

fn prepared(sql: &'static str) -> Arc<Prepared> {
    Arc::new(Prepared {
        sql: Bytes::from_static(sql.as_bytes()),
        sql_mode: SqlMode::default(),
        places: sqlast::param_places(sql.as_bytes(), &ParseOptions::default()),
        limits: Vec::new(),
        is_bound: true,
        fields: Arc::from([]),
    })
}

fn piece(id: u32, param: u16, data: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &param.to_le_bytes(), data].concat()
}

/// An execution of a statement with one parameter, a BLOB that is not in the packet.
fn execution(id: u32) -> Vec<u8> {
    [&id.to_le_bytes()[..], &[0], &1u32.to_le_bytes(), &[0, 1, 252, 0]].concat()
}

#[test]
fn pieces_are_put_together_once() {
    let mut all = Statements::default();
    let id = all.add(prepared("select ?")).unwrap();
    all.long_data(&piece(id, 0, b"ab"));
    all.long_data(&piece(id, 0, b"cd"));
    let (_, values) = all.execution(&execution(id)).unwrap();
    assert_eq!(values, [BindValue::bytes(&b"abcd"[..])]);
    assert_eq!(all.long_bytes, 0);
    // The next execution must bring its own.
    assert!(all.execution(&execution(id)).is_err());
    all.long_data(&piece(id, 0, b"xy"));
    all.reset(&id.to_le_bytes()).unwrap();
    assert!(all.execution(&execution(id)).is_err());
}

#[test]
fn faults_of_pieces_are_told_by_the_execution() {
    let mut all = Statements::default();
    let id = all.add(prepared("select ?")).unwrap();
    all.long_data(&piece(id, 1, b"x"));
    assert_eq!(all.execution(&execution(id)).unwrap_err().errno(), 1210);
    let much = vec![0; MAX_COMMAND_BYTES / 2 + 1];
    all.long_data(&piece(id, 0, &much));
    all.long_data(&piece(id, 0, &much));
    assert_eq!(all.execution(&execution(id)).unwrap_err().errno(), 1153);
    assert_eq!(all.long_bytes, 0);
}

#[test]
fn numbers_that_are_not_there_are_mysqls_1243() {
    let mut all = Statements::default();
    assert_eq!(all.execution(&execution(5)).unwrap_err().errno(), 1243);
    assert_eq!(all.reset(&5u32.to_le_bytes()).unwrap_err().errno(), 1243);
    let id = all.add(prepared("select 1")).unwrap();
    all.close(&id.to_le_bytes());
    all.close(&id.to_le_bytes());
    assert_eq!(all.text_bytes, 0);
    assert_eq!(all.execution(&execution(id)).unwrap_err().errno(), 1243);
}

#[test]
fn there_is_a_most_number_of_statements() {
    let mut all = Statements::default();
    let one = prepared("select 1");
    for _ in 0..MAX_STATEMENTS {
        all.add(one.clone()).unwrap();
    }
    assert_eq!(all.add(one.clone()).unwrap_err().errno(), 1461);
    all.close(&7u32.to_le_bytes());
    assert!(all.add(one).is_ok());
}
