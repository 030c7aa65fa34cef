//! Spans on their way to a collector that speaks TLS: one that is believed, and one that is not.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used)]

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use authority::{Authority, Request};
use clap::Parser;
use collector::Collector;
use secrets::{
    Named,
    tls::{HTTP2, ServerFiles, ServerTls},
};
use servenv::Context;
use tracer::{Kind, Open, Tracer, TracerOptions};

#[derive(Debug, Parser)]
struct Flags {
    #[command(flatten)]
    tracer: TracerOptions,
}

/// Flags as they are typed; `DIR` stands for the folder.
fn options(dir: &Path, text: &str) -> TracerOptions {
    let text = text.replace("DIR", &dir.display().to_string());
    let words = ["test", "--tracer=otlp"].into_iter().chain(text.split_whitespace());
    Flags::try_parse_from(words).unwrap().tracer
}

/// A collector for 127.0.0.1 by a certificate of `authority`, and one for us that it wants to see.
async fn start(dir: &Path, authority: &Authority) -> Collector {
    let request = Request::new("collector", &["127.0.0.1"]);
    let (cert, key) = authority.issue(&request).unwrap().write(dir, "collector").unwrap();
    authority.issue(&Request::new("vtgate", &[])).unwrap().write(dir, "vtgate").unwrap();
    let files = ServerFiles {
        cert: Named::new("--cert", cert),
        key: Named::new("--key", key),
        chain: None,
        client_ca: Some(Named::new("--ca", authority.write(dir).unwrap())),
        crl: None,
        allowed_subjects: Vec::new(),
    };
    Collector::start_with(Some(Arc::new(ServerTls::open(files, &[HTTP2]).unwrap()))).await
}

/// Sends one span: how many reached the collector, and how many did not.
async fn send(options: &TracerOptions) -> (u64, u64) {
    let context = Context::new("vtgate");
    let tracer = Tracer::start(options, &context).unwrap().unwrap();
    tracer.take(Open::first(None).end("root", Kind::Server));
    tracer.flush().await;
    context.stop.cancel();
    let counter = |name: &str| context.metrics.to_json()[name].as_u64().unwrap();
    (counter("TraceSpansSent"), counter("TraceSpansDropped"))
}

const CLIENT: &str = "--otel-ca=DIR/ca.pem --otel-cert=DIR/vtgate.pem --otel-key=DIR/vtgate-key.pem";

#[tokio::test]
async fn spans_reach_a_collector_by_tls() {
    let dir = testkit::temp_dir();
    let collector = start(dir.path(), &Authority::new("Ours").unwrap()).await;
    let client = format!("{CLIENT} --otel-endpoint=https://{}", collector.address());
    assert_eq!(send(&options(dir.path(), &client)).await, (1, 0));
    assert_eq!(collector.take().len(), 1);
    // In the clear there is nobody who takes them, and without a certificate neither.
    let plain = format!("--otel-endpoint={}", collector.address());
    assert_eq!(send(&options(dir.path(), &plain)).await, (0, 1));
    let nobody = format!("--otel-ca=DIR/ca.pem --otel-endpoint={}", collector.address());
    assert_eq!(send(&options(dir.path(), &nobody)).await, (0, 1));
    assert!(collector.take().is_empty());
}

/// The log of this test's thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn a_collector_with_a_foreign_certificate_is_refused_and_told_of() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (dir, theirs) = (testkit::temp_dir(), testkit::temp_dir());
    let ours = Authority::new("Ours").unwrap();
    ours.write(dir.path()).unwrap();
    ours.issue(&Request::new("vtgate", &[])).unwrap().write(dir.path(), "vtgate").unwrap();
    let collector = start(theirs.path(), &Authority::new("Theirs").unwrap()).await;

    let client = format!("{CLIENT} --otel-endpoint={}", collector.address());
    assert_eq!(send(&options(dir.path(), &client)).await, (0, 1));
    assert!(collector.take().is_empty());
    let text = log.text();
    let told =
        text.lines().find(|line| line.contains("traces do not reach")).unwrap_or_else(|| panic!("{text}"));
    assert!(told.contains("WARN") && told.contains(collector.address()), "{told}");
    assert!(told.contains("subject CN=collector") && told.contains("issuer CN=Theirs"), "{told}");
    assert!(told.contains("is not signed by an authority of --otel-ca"), "{told}");
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let dir = testkit::temp_dir();
    Authority::new("Ours").unwrap().write(dir.path()).unwrap();
    let fault = |text: &str| options(dir.path(), text).validate().unwrap_err().to_string();
    assert!(fault("--otel-ca=DIR/ca.pem --otel-insecure").contains("--otel-insecure and --otel-ca"));
    assert!(fault("--otel-ca=DIR/ca.pem --otel-endpoint=http://a:1").contains("http:// in --otel-endpoint"));
    assert!(fault("--otel-endpoint=https://a:1").contains("https:// needs --otel-ca"));
    assert!(fault("--otel-cert=DIR/ca.pem --otel-key=DIR/ca-key.pem").contains("--otel-ca: needed"));
    assert!(fault("--otel-ca=DIR/none.pem").contains("none.pem"));
    for good in
        ["--otel-insecure", "--otel-endpoint=http://a:1", "--otel-ca=DIR/ca.pem --otel-endpoint=https://a:1"]
    {
        options(dir.path(), good).validate().unwrap();
    }
}

/// Who sends spans over a network in the clear, and did not say so, is told.
#[tokio::test]
async fn traces_in_the_clear_are_told_of() {
    let said = |flags: &str| {
        let log = Log::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let options = options(Path::new(""), flags);
        let context = Context::new("vtgate");
        tracing::subscriber::with_default(subscriber, || Tracer::start(&options, &context)).unwrap();
        context.stop.cancel();
        log.text().contains("in the clear")
    };
    assert!(said("--otel-endpoint=collector.example:4317"));
    assert!(!said("--otel-endpoint=collector.example:4317 --otel-insecure"));
    assert!(!said("--otel-endpoint=localhost:4317") && !said("--otel-endpoint=[::1]:4317"));
}
