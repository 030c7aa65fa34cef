//! The line of a query as a golden case, with and without its values.

use std::{collections::HashMap, path::Path};

use collector::Collector;
use proto::query::{BindVariable, Type};
use querylog::Format;

use super::*;

const SECRET: &str = "planted-4711";

fn observed() -> Observed {
    let mut observed = Observed::new(
        Asker {
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
        },
        None,
    );
    observed.start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    *observed.parts() = Parts {
        wait: Some(Part { after: Duration::ZERO, took: Duration::from_micros(120) }),
        mysqld: Some(Part { after: Duration::ZERO, took: Duration::from_micros(2_300) }),
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
    let observer =
        Observer::start(&QueryLogOptions::default(), &TracerOptions::default(), &Context::new("test"))
            .unwrap();
    assert!(observer.observe(|| panic!("nobody asks for it")).is_none());
}

/// Below the span of the gate that asks: the call, the wait for a connection, and mysqld.
#[tokio::test]
async fn a_traced_query_is_a_tree_of_spans() {
    let context = Context::new("vttablet");
    let collector = Collector::start().await;
    let options = TracerOptions {
        tracer: tracer::Target::Otlp,
        otel_endpoint: collector.address().into(),
        ..TracerOptions::default()
    };
    let observer = Observer::start(&QueryLogOptions::default(), &options, &context).unwrap();
    let gate = SpanContext::new_root();
    let observed = Observed { span: Some(Open::first(Some(gate))), ..observed() };
    let result: Result<()> = Ok(());
    observed.finish(&observer, Some(&query()), Rows { returned: 3, affected: 0 }, &result);
    // A query of a gate that does not trace.
    let untraced = observer.observe(|| observed.asker.clone()).unwrap();
    untraced.finish(&observer, Some(&query()), Rows::default(), &result);
    observer.tracer.as_ref().unwrap().flush().await;
    let spans = collector.take();
    let expected = ["client > vttablet Execute", "vttablet Execute > mysqld", "vttablet Execute > pool wait"];
    assert_eq!(collector::tree(&spans, &gate.span_id), expected);
    assert!(spans.iter().all(|s| s.trace_id == gate.trace_id));
    assert!(!format!("{spans:?}").contains(SECRET), "{spans:?}");
    let mysqld = spans.iter().find(|s| s.name == "mysqld").unwrap();
    assert_eq!(mysqld.end_time_unix_nano - mysqld.start_time_unix_nano, 2_300_000);
    context.stop.cancel();
}
