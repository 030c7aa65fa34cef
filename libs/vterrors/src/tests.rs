use super::*;

#[test]
fn an_error_of_mysqld_survives_the_wire() {
    let e = Error::mysql(1062, *b"23000", "Duplicate entry '1' for key 'PRIMARY'");
    assert_eq!(e.code(), Code::AlreadyExists);
    let text = e.wire_message();
    assert_eq!(text, "Duplicate entry '1' for key 'PRIMARY' (errno 1062) (sqlstate 23000)");
    let back = Error::from_wire(e.code(), text);
    assert_eq!(back, e);
}

#[test]
fn our_own_user_errors_keep_their_number_over_the_wire() {
    let e = Error::new(Condition::UnknownTable, "table 'x' does not exist");
    let back = Error::from_wire(e.code(), e.wire_message());
    assert_eq!((back.errno(), back.mysql_code().sqlstate_str()), (1146, "42S02"));
}

#[test]
fn a_cluster_event_may_be_tried_elsewhere() {
    let e = Error::from_wire(Code::ClusterEvent, "operation not allowed in state NOT_SERVING");
    assert_eq!((e.condition(), e.retry()), (Condition::NotServing, Retry::Elsewhere));
}

#[test]
fn text_after_the_numbers_is_dropped() {
    let e = Error::from_wire(Code::Unknown, "boom (errno 1234) (sqlstate HY000): Sql: \"secret\"");
    assert_eq!((e.message(), e.errno()), ("boom", 1234));
}

#[test]
fn broken_numbers_are_left_in_the_text() {
    for text in
        ["x (errno ) (sqlstate HY000)", "x (errno 99999) (sqlstate HY000)", "x (errno 1) (sqlstate H)"]
    {
        assert_eq!(Error::from_wire(Code::Unknown, text).message(), text);
    }
}
