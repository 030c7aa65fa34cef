//! The line of a query as a golden case, with and without its values.

use std::{collections::HashMap, path::Path};

use proto::query::{BindVariable, Type};
use querylog::Format;

use super::*;

const SECRET: &str = "planted-4711";

fn observed() -> Observed {
    let mut observed = Observed::new(Asker {
        method: "Execute",
        effective: Some(CallerId {
            principal: "app".into(),
            component: "10.1.2.3:4567".into(),
            ..CallerId::default()
        }),
        immediate: Some(VtGateCallerId { username: "reporting".into(), ..VtGateCallerId::default() }),
        target: Some(Target {
            keyspace: "shop".into(),
            shard: "-80".into(),
            tablet_type: 1,
            ..Target::default()
        }),
        transaction_id: 12,
        reserved_id: 0,
    });
    observed.start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    *observed.parts() = Parts {
        wait: Some(Part { took: Duration::from_micros(120) }),
        mysqld: Some(Part { took: Duration::from_micros(2_300) }),
        ..Parts::default()
    };
    observed
}

fn query() -> BoundQuery {
    let value = BindVariable {
        r#type: Type::Varchar as i32,
        value: SECRET.as_bytes().to_vec().into(),
        ..BindVariable::default()
    };
    BoundQuery {
        sql: format!("/* {SECRET} */ update t set a = '{SECRET}' where b = :vtg1"),
        bind_variables: HashMap::from([("vtg1".to_owned(), value)]),
    }
}

#[test]
fn lines_are_as_accepted() {
    let fault = Error::mysql(1062, *b"23000", format!("Duplicate entry '{SECRET}'"));
    let rows = Rows { returned: 0, affected: 1 };
    let options = QueryLogOptions {
        querylog_time_threshold: Duration::from_millis(2),
        redact_debug_ui_queries: true,
        ..QueryLogOptions::default()
    };
    let redacting = QueryLog::start(&options, &Reasons::default(), &Context::new("test")).unwrap();
    let options = QueryLogOptions::default();
    let telling = QueryLog::start(&options, &Reasons::default(), &Context::new("test")).unwrap();
    let took = Duration::from_micros(2_500);
    let mut text = String::new();
    for (name, log, error) in [
        ("with values", &telling, None),
        ("with values, failed", &telling, Some(&fault)),
        ("redacted, slow, failed", &redacting, Some(&fault)),
    ] {
        let line = observed().line(log, Some(&query()), rows, took, error);
        assert_eq!(line.render(Format::Json).contains(SECRET), !log.redacts());
        text += &format!("== {name}\n{}{}", line.render(Format::Text), line.render(Format::Json));
    }
    let line = observed().line(&redacting, None, Rows::default(), Duration::ZERO, None);
    text += &format!("== without a query\n{}", line.render(Format::Text));
    testkit::check_golden(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/query_log.txt"), &text);
}

/// What a query pays while nobody wants to know: what would be noted is not even asked for.
#[test]
fn nobody_wants_to_know_until_somebody_does() {
    let observer = Observer::start(&QueryLogOptions::default(), &Context::new("test")).unwrap();
    assert!(observer.observe(|| panic!("nobody asks for it")).is_none());
}
