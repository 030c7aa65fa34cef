//! The lines of both logs as golden cases, and that what may not be in them is not.

use std::{
    collections::HashMap,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use collector::Collector;
use planner::{Directives, Plan, Primitive, Rows, StatementClass};
use proto::query::{BindVariable, Type};
use querylog::{AuditOptions, Format, QueryLogOptions};
use servenv::Context;
use tracer::TracerOptions;
use vterrors::{Condition, Error};
use vtmodel::{TabletType, Target, TargetString};

use super::{Observer, OpenWork, lines, statement::End, statement::Observed};
use crate::session::{Caller, Session};

const SECRET: &str = "planted-4711";

fn session() -> Session {
    let caller = Caller {
        user: "app".into(),
        address: "10.1.2.3:4567".into(),
        user_data: "reporting".into(),
        groups: Vec::new(),
        subcomponent: "VTGate MySQL Connector",
    };
    let mut session = Session::new(7, caller, TargetString::parse("shop@replica").unwrap());
    session.uuid = "0a1b".to_owned();
    session
}

fn observed(sql: &str) -> Observed {
    let mut o = Observed::new(&Observer::default(), &session(), sql.as_bytes(), Default::default());
    o.start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    o
}

fn plan(normalized: &str) -> Arc<Plan> {
    Arc::new(Plan {
        statement: StatementClass::Select,
        root: Primitive::Rows(Rows { fields: Vec::new(), rows: Vec::new() }),
        tables_used: vec!["shop.customer".into(), "shop.orders".into()],
        normalized: normalized.into(),
        literal_bound: None,
        session_values: Vec::new(),
        warnings: Vec::new(),
        directives: Directives::default(),
    })
}

fn end(result: Result<(), &Error>) -> End<'_> {
    End { took: Duration::from_micros(5_400), rows: 3, affected: 0, result: Some(result) }
}

/// A query of two shards as it is noted while it runs; with a literal that could not become a bind variable.
fn sharded() -> (Observed, super::statement::Seen) {
    let o =
        observed(&format!("/* {SECRET} */ select name, '{SECRET}' from customer where email = '{SECRET}'"));
    let secret = BindVariable {
        r#type: Type::Varchar as i32,
        value: SECRET.as_bytes().to_vec().into(),
        ..BindVariable::default()
    };
    let sql = format!("/* {SECRET} */ select `name`, '{SECRET}' from customer where email = :vtg1");
    o.planned(&plan(&sql), &HashMap::new(), true);
    for shard in ["80-", "-80"] {
        o.calls(&Target::new("shop", shard, TabletType::Replica));
    }
    o.committed(Duration::from_micros(400));
    let mut seen = o.take_seen();
    seen.binds = HashMap::from([("vtg1".to_owned(), secret)]);
    seen.planned = Some(Duration::from_micros(1_000));
    (o, seen)
}

#[test]
fn lines_are_as_accepted() {
    let (o, seen) = sharded();
    let fault = Error::mysql(1062, *b"23000", format!("Duplicate entry '{SECRET}' for key 'email'"));
    let unplanned = observed(&format!("set password = '{SECRET}'"));
    let nothing = unplanned.take_seen();
    let mut text = String::new();
    for (name, line) in [
        ("query, all values, slow", lines::query(&o, &seen, &end(Ok(())), false, true)),
        ("query, redacted, slow, failed", lines::query(&o, &seen, &end(Err(&fault)), true, true)),
        ("a statement of the session", lines::query(&unplanned, &nothing, &end(Ok(())), true, false)),
        ("audit", lines::audit(&o, &seen, &end(Ok(())))),
        ("audit, failed", lines::audit(&o, &seen, &end(Err(&fault)))),
    ] {
        text += &format!("== {name}\n{}{}", line.render(Format::Text), line.render(Format::Json));
    }
    testkit::check_golden(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/logs.txt"), &text);
}

/// Not by a literal, a bind variable, a comment or the text of an error.
#[test]
fn no_value_is_in_the_audit_log_or_a_redacted_query_log() {
    let (o, seen) = sharded();
    let fault = Error::new(Condition::Mysql, format!("Incorrect integer value: '{SECRET}'"));
    let unplanned = observed(&format!("create user u identified by '{SECRET}'"));
    let nothing = unplanned.take_seen();
    let dropped = End { result: None, ..end(Ok(())) };
    for (o, seen) in [(&o, &seen), (&unplanned, &nothing)] {
        for end in [&end(Ok(())), &end(Err(&fault)), &dropped] {
            for line in [lines::audit(o, seen, end), lines::query(o, seen, end, true, true)] {
                for format in [Format::Text, Format::Json] {
                    let text = line.render(format);
                    assert!(!text.contains(SECRET), "{text}");
                }
            }
        }
    }
    // The counter-check: where values are told it is there, and only as a value and in the text of the error.
    let told = lines::query(&o, &seen, &end(Err(&fault)), false, false).render(Format::Json);
    assert_eq!(told.matches(SECRET).count(), 2, "{told}");
}

/// What `is_on` says is all that a statement looks at while nobody wants to know.
#[test]
fn nobody_wants_to_know_until_somebody_does() {
    assert!(!Observer::default().is_on());
}

/// One that sends the spans of statements whose clients trace.
fn traced(collector: &Collector, context: &Context) -> Observer {
    let options = TracerOptions {
        tracer: tracer::Target::Otlp,
        tracing_sampling_rate: 0.0,
        otel_endpoint: collector.address().into(),
        ..TracerOptions::default()
    };
    Observer::start(&QueryLogOptions::default(), &AuditOptions::default(), &options, context).unwrap()
}

/// What is done on a tablet in several calls: how it ended, and that it did when nobody waits for it any more.
#[tokio::test]
async fn work_of_several_calls_has_a_span() {
    let context = Context::new("vtgate");
    let collector = Collector::start().await;
    let observer = traced(&collector, &context);
    let target = Target::new("shop", "-80", TabletType::Replica);
    let client = tracer::SpanContext::new_root();
    let sql = format!("select 1 /*traceparent='{client}'*/");
    let o = Arc::new(Observed::new(&observer, &session(), sql.as_bytes(), Default::default()));
    let begin = |name| OpenWork::begin(Some(&o), name, &target).unwrap();
    let mut load = begin("gather load");
    load.about("shop.customer".to_owned());
    load.end(Ok(3));
    let fault = Error::mysql(1114, *b"HY000", format!("The table '{SECRET}' is full"));
    begin("gather copy").end(Err(&fault));
    drop(begin("gather query"));
    o.finish(&observer, &Ok(Default::default())).await;
    // Statements that are not traced, or not even observed.
    let other = Arc::new(Observed::new(&observer, &session(), b"select 1", Default::default()));
    assert!(OpenWork::begin(Some(&other), "gather load", &target).is_none());
    assert!(OpenWork::begin(None, "gather load", &target).is_none());
    observer.tracer.as_ref().unwrap().flush().await;
    let spans = collector.take();
    let expected = [
        "client > vtgate SELECT",
        "vtgate SELECT > gather copy",
        "vtgate SELECT > gather load",
        "vtgate SELECT > gather query",
    ];
    assert_eq!(collector::tree(&spans, &client.span_id), expected);
    let told = |name: &str| {
        let span = spans.iter().find(|s| s.name == name).unwrap();
        let status = span.status.as_ref().map(|s| s.message.clone()).unwrap_or_default();
        (status, format!("{:?}", span.attributes))
    };
    let (status, attributes) = told("gather load");
    assert!(status.is_empty() && attributes.contains("shop.customer"), "{status} {attributes}");
    assert!(attributes.contains("Number(3)"), "{attributes}");
    assert_eq!(told("gather copy").0, "error 1114");
    assert_eq!(told("gather query").0, "error 1317");
    assert!(!format!("{spans:?}").contains(SECRET), "{spans:?}");
    context.stop.cancel();
}

/// A statement whose client traces: its span, its plan's, and one for each call, below the client's; no value in any.
#[tokio::test]
async fn a_traced_statement_is_a_tree_of_spans() {
    let context = Context::new("vtgate");
    let collector = Collector::start().await;
    let observer = traced(&collector, &context);
    assert!(observer.is_on());
    let client = tracer::SpanContext::new_root();
    let sql = format!("select name from customer where email = '{SECRET}' /*traceparent='{client}'*/");
    let o = Observed::new(&observer, &session(), sql.as_bytes(), Default::default());
    o.planned(&plan("select name from customer where email = :vtg1"), &HashMap::new(), false);
    let fault = Error::mysql(1062, *b"23000", format!("Duplicate entry '{SECRET}'"));
    for shard in ["-80", "80-"] {
        let target = Target::new("shop", shard, TabletType::Replica);
        let rows = if shard == "-80" { Ok(2) } else { Err(&fault) };
        o.close_call(o.open_span().unwrap(), "shard call", &target, rows);
    }
    o.finish(&observer, &Err(fault)).await;
    // Nobody asked for this one.
    let other = Observed::new(&observer, &session(), b"select 1", Default::default());
    assert!(other.open_span().is_none());
    other.finish(&observer, &Ok(Default::default())).await;
    observer.tracer.as_ref().unwrap().flush().await;
    let spans = collector.take();
    let expected = [
        "client > vtgate SELECT",
        "vtgate SELECT > plan",
        "vtgate SELECT > shard call",
        "vtgate SELECT > shard call",
    ];
    assert_eq!(collector::tree(&spans, &client.span_id), expected);
    assert!(spans.iter().all(|s| s.trace_id == client.trace_id));
    assert!(!format!("{spans:?}").contains(SECRET), "{spans:?}");
    assert_eq!(spans.iter().filter(|s| s.status.is_some()).count(), 2);
    context.stop.cancel();
}
