//! Spans as a collector gets them: over gRPC, in batches, and what happens without one.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, SystemTime};

use clap::Parser;
use collector::Collector;
use prost::Message;
use servenv::Context;
use tracer::{Attribute, Kind, Open, Span, SpanContext, Tracer, TracerOptions, otlp};

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    tracer: TracerOptions,
}

fn options(flags: &[&str]) -> TracerOptions {
    Flags::parse_from(["test"].iter().chain(flags)).tracer
}

fn counter(context: &Context, name: &str) -> u64 {
    context.metrics.to_json()[name].as_u64().unwrap()
}

#[tokio::test]
async fn spans_reach_the_collector() {
    let context = Context::new("vtgate");
    let collector = Collector::start().await;
    let flags =
        ["--tracer=otlp", "--tracing-sampling-rate=1", &format!("--otel-endpoint={}", collector.address())];
    let tracer = Tracer::start(&options(&flags), &context).unwrap().unwrap();
    let root = Open::first(tracer.decide(None).unwrap());
    for _ in 0..600 {
        tracer.take(root.child().end("child", Kind::Client));
    }
    tracer.take(root.end("root", Kind::Server).text("db.system.name", "mysql").errno(Some(1062)));
    tracer.flush().await;
    let spans = collector.take();
    assert_eq!(spans.len(), 601);
    let last = spans.last().unwrap();
    assert_eq!((last.name.as_str(), last.kind, last.parent_span_id.len()), ("root", 2, 0));
    assert_eq!(last.status.as_ref().map(|s| (s.code, s.message.as_str())), Some((2, "error 1062")));
    assert!(spans[..600].iter().all(|s| s.parent_span_id == last.span_id && s.trace_id == last.trace_id));
    assert_eq!((counter(&context, "TraceSpansSent"), counter(&context, "TraceSpansDropped")), (601, 0));
    context.stop.cancel();
}

#[tokio::test]
async fn without_a_collector_spans_are_counted() {
    let context = Context::new("vtgate");
    let port = testkit::free_ports(1);
    let flags = ["--tracer=otlp", &format!("--otel-endpoint=127.0.0.1:{port}")];
    let tracer = Tracer::start(&options(&flags), &context).unwrap().unwrap();
    tracer.take(Open::first(None).end("root", Kind::Server));
    tracer.flush().await;
    assert_eq!((counter(&context, "TraceSpansSent"), counter(&context, "TraceSpansDropped")), (0, 1));
    context.stop.cancel();
}

#[tokio::test]
async fn a_client_decides_before_the_dice() {
    let context = Context::new("vtgate");
    let never = options(&["--tracer=otlp", "--tracing-sampling-rate=0"]);
    let tracer = Tracer::start(&never, &context).unwrap().unwrap();
    let asked = SpanContext::new_root();
    assert_eq!(tracer.decide(None), None);
    assert_eq!(tracer.decide(Some(asked)), Some(Some(asked)));
    let always = Tracer::start(&options(&["--tracer=opentelemetry", "--tracing-sampling-rate=1"]), &context);
    let always = always.unwrap().unwrap();
    assert_eq!(always.decide(None), Some(None));
    assert_eq!(always.decide(Some(SpanContext { sampled: false, ..asked })), None);
    assert!(Tracer::start(&options(&[]), &context).unwrap().is_none());
    let wrong = options(&["--tracing-sampling-rate=2"]).validate().unwrap_err();
    assert!(wrong.message().contains("--tracing-sampling-rate"), "{wrong}");
    context.stop.cancel();
}

/// Byte by byte as `trace.proto` says: number and kind of each field, its bytes.
#[test]
fn a_span_has_the_bytes_of_the_specification() {
    let span = Span {
        context: SpanContext { trace_id: [0xaa; 16], span_id: [0xbb; 8], sampled: true },
        parent: Some([0xcc; 8]),
        name: "n".into(),
        kind: Kind::Client,
        start: SystemTime::UNIX_EPOCH + Duration::from_nanos(1),
        took: Duration::from_nanos(1),
        attributes: vec![Attribute::Text("k", "v".into()), Attribute::Number("i", 5)],
        error: Some("e".into()),
    };
    let expected = [
        format!("0a10{}", "aa".repeat(16)), // 1: trace_id
        format!("1208{}", "bb".repeat(8)),  // 2: span_id
        format!("2208{}", "cc".repeat(8)),  // 4: parent_span_id
        "2a016e".to_owned(),                // 5: name
        "3003".to_owned(),                  // 6: kind, 3 = client
        "390100000000000000".to_owned(),    // 7: start, fixed64
        "410200000000000000".to_owned(),    // 8: end, fixed64
        "4a080a016b12030a0176".to_owned(),  // 9: k = { 1: "v" }
        "4a070a016912021805".to_owned(),    // 9: i = { 3: 5 }
        "7a0512016518 02".replace(' ', ""), // 15: { 2: "e", 3: error }
        "850101000000".to_owned(),          // 16: flags, fixed32
    ];
    assert_eq!(hex::encode(otlp::Span::from(span).encode_to_vec()), expected.concat());
}
