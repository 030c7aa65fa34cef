//! Spans on their way to the collector: a queue, and a task that sends them in batches.
//!
//! What must hold: who ends a span never waits. A batch that the collector does not take within its limit is
//! counted (`TraceSpansDropped`) and forgotten: traces are for looking, not for keeping.

use std::{net::IpAddr, sync::Arc, time::Duration};

use clap::{Args, ValueEnum};
use rpc::{Channel, ChannelOptions, OtelOptions};
use secrets::tls::ClientTls;
use servenv::{Context, Counter};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout, timeout_at},
};
use tracing::{info, warn};
use vterrors::{Error, Result};

use crate::{
    Span, SpanContext,
    otlp::{self, ExportTraceServiceRequest, ExportTraceServiceResponse},
};

/// Spans that may wait.
const QUEUE_SPANS: usize = 8192;
/// Spans in one call, and how long the first of them waits for others.
const BATCH_SPANS: usize = 512;
const BATCH_TIME: Duration = Duration::from_millis(500);
/// How long a call may take.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// Where traces go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    // There are none.
    Noop,
    // To a collector of OpenTelemetry's, over gRPC.
    #[value(alias = "opentelemetry")]
    Otlp,
}

#[derive(Debug, Clone, Args)]
pub struct TracerOptions {
    /// Where traces of queries go: nowhere, or to a collector of OpenTelemetry's over gRPC (OTLP)
    #[arg(long, value_enum, default_value_t = Target::Noop, help_heading = "Traces")]
    pub tracer: Target,
    /// Part of the queries, 0 to 1, that are traced where their text does not say so
    #[arg(long, default_value_t = 0.1, help_heading = "Traces")]
    pub tracing_sampling_rate: f64,
    /// Where the collector takes OTLP over gRPC
    #[arg(long, default_value = "localhost:4317", value_name = "HOST:PORT", help_heading = "Traces")]
    pub otel_endpoint: String,
    /// Says that the collector is meant to be spoken to without TLS, as it is where --otel-ca is not given
    #[arg(long, help_heading = "Traces")]
    pub otel_insecure: bool,
    #[command(flatten)]
    pub tls: OtelOptions,
}

impl Default for TracerOptions {
    /// As without any flag.
    fn default() -> Self {
        Self {
            tracer: Target::Noop,
            tracing_sampling_rate: 0.1,
            otel_endpoint: "localhost:4317".to_owned(),
            otel_insecure: false,
            tls: OtelOptions::default(),
        }
    }
}

impl TracerOptions {
    /// Checks what clap does not, and that the files of TLS can be used.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.tracing_sampling_rate) {
            let rate = self.tracing_sampling_rate;
            return Err(Error::invalid(format!("--tracing-sampling-rate {rate}: it is from 0 to 1")));
        }
        if self.tracer == Target::Otlp {
            self.channel(&self.channel_options()?)?;
        }
        Ok(())
    }

    /// TLS or none, as the flags agree on.
    fn channel_options(&self) -> Result<ChannelOptions> {
        let options = self.tls.channels()?;
        let by_tls = options.connector.tls().is_some();
        if by_tls && (self.otel_insecure || self.otel_endpoint.starts_with(HTTP)) {
            let says = if self.otel_insecure { "--otel-insecure" } else { "http:// in --otel-endpoint" };
            return Err(Error::invalid(format!("{says} and --otel-ca: one of them is wrong")));
        }
        if !by_tls && self.otel_endpoint.starts_with(HTTPS) {
            return Err(Error::invalid(
                "--otel-endpoint: https:// needs --otel-ca, the authority that the collector's certificate is \
                 checked by",
            ));
        }
        Ok(options)
    }

    /// Without the scheme that others' configurations have.
    fn address(&self) -> &str {
        let endpoint = self.otel_endpoint.as_str();
        [HTTP, HTTPS].iter().find_map(|scheme| endpoint.strip_prefix(scheme)).unwrap_or(endpoint)
    }

    fn channel(&self, options: &ChannelOptions) -> Result<Channel> {
        rpc::connect_lazy(self.address(), options).map_err(|e| e.context("--otel-endpoint"))
    }

    /// Whether spans cross a network in the clear, and nobody said that they may.
    fn is_open_unsaid(&self) -> bool {
        let host = self.address().rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        !self.otel_insecure && !here
    }
}

const HTTP: &str = "http://";
const HTTPS: &str = "https://";

enum Message {
    Span(Box<Span>),
    /// Everything before it is to be sent; then who waits is told.
    Flush(oneshot::Sender<()>),
}

/// Takes spans that are done.
#[derive(Debug)]
pub struct Tracer {
    sampling_rate: f64,
    queue: mpsc::Sender<Message>,
    dropped: Counter,
    /// What the collector is spoken to by; none in the clear.
    tls: Option<Arc<ClientTls>>,
}

impl Tracer {
    /// Starts the task that sends; none where traces go nowhere.
    pub fn start(options: &TracerOptions, context: &Context) -> Result<Option<Arc<Self>>> {
        options.validate()?;
        if options.tracer == Target::Noop {
            return Ok(None);
        }
        let channel_options = options.channel_options()?;
        let tls = channel_options.connector.tls().cloned();
        if tls.is_none() && options.is_open_unsaid() {
            let endpoint = &options.otel_endpoint;
            warn!(
                "traces go to {endpoint} in the clear: --otel-ca is for TLS, --otel-insecure says that it shall be so"
            );
        }
        let (queue, spans) = mpsc::channel(QUEUE_SPANS);
        let dropped = context.metrics.counter("TraceSpansDropped");
        let exporter = Exporter {
            channel: options.channel(&channel_options)?,
            endpoint: options.otel_endpoint.clone(),
            service: context.program,
            sent: context.metrics.counter("TraceSpansSent"),
            dropped: dropped.clone(),
            fails: false,
        };
        context.spawn("traces", exporter.run(spans));
        Ok(Some(Arc::new(Self { sampling_rate: options.tracing_sampling_rate, queue, dropped, tls })))
    }

    /// What the collector is spoken to by, where it is by TLS.
    pub fn tls(&self) -> Option<&Arc<ClientTls>> {
        self.tls.as_ref()
    }

    /// Whether a query is traced, below which span: as its client says, else by the dice.
    pub fn decide(&self, asked: Option<SpanContext>) -> Option<Option<SpanContext>> {
        match asked {
            Some(parent) => parent.sampled.then_some(Some(parent)),
            None if self.sampling_rate >= 1.0 => Some(None),
            None if self.sampling_rate <= 0.0 => None,
            None => (rand::random::<f64>() < self.sampling_rate).then_some(None),
        }
    }

    /// Hands a span over; one that does not fit is counted and dropped.
    pub fn take(&self, span: Span) {
        if self.queue.try_send(Message::Span(Box::new(span))).is_err() {
            self.dropped.inc();
        }
    }

    /// Waits until what was handed over is sent or given up.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            // An error: the task has ended, and nothing is sent any more.
            let _ = flushed.await;
        }
    }

    /// The shutdown step that sends the last spans.
    pub fn end_step(self: &Arc<Self>) -> servenv::Step {
        let tracer = self.clone();
        servenv::Step::new("traces are sent", CALL_LIMIT, async move { tracer.flush().await })
    }
}

struct Exporter {
    channel: Channel,
    endpoint: String,
    service: &'static str,
    sent: Counter,
    dropped: Counter,
    /// The last call did: it was told.
    fails: bool,
}

impl Exporter {
    async fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        while let Some(first) = queue.recv().await {
            let until = Instant::now() + BATCH_TIME;
            let (mut batch, mut waiting) = (Vec::new(), None);
            let mut next = Some(first);
            while let Some(message) = next.take() {
                match message {
                    Message::Span(span) => batch.push(*span),
                    Message::Flush(done) => waiting = Some(done),
                }
                if waiting.is_none() && batch.len() < BATCH_SPANS {
                    next = timeout_at(until, queue.recv()).await.ok().flatten();
                }
            }
            if !batch.is_empty() {
                self.send(batch).await;
            }
            if let Some(done) = waiting {
                // Who waited may have gone.
                let _ = done.send(());
            }
        }
    }

    async fn send(&mut self, batch: Vec<Span>) {
        let spans = batch.len() as u64;
        let request = otlp::request(self.service, &servenv::version_text(), batch);
        let call = self
            .channel
            .unary::<ExportTraceServiceRequest, ExportTraceServiceResponse>(otlp::EXPORT, &request);
        let fault = match timeout(CALL_LIMIT, call).await {
            Ok(Ok(answer)) => {
                let rejected = answer.partial_success.map_or(0, |p| p.rejected_spans);
                let rejected = u64::try_from(rejected).unwrap_or(0).min(spans);
                self.sent.add(spans - rejected);
                self.dropped.add(rejected);
                None
            }
            Ok(Err(e)) => Some(e.to_string()),
            Err(_) => Some(format!("no answer within {CALL_LIMIT:?}")),
        };
        match (&fault, self.fails) {
            (Some(why), false) => warn!("traces do not reach {}: {why}", self.endpoint),
            (None, true) => info!("traces reach {} again", self.endpoint),
            _ => {}
        }
        self.fails = fault.is_some();
        if self.fails {
            self.dropped.add(spans);
        }
    }
}
