//! The vtgate that the SQL console asks, over gRPC.
//!
//! Reads are streamed, so that a large result ends where the page's limit is; what writes goes as one call, whose
//! answer says how many rows it was. Each statement stands for itself: there is no session between two of them.

use std::time::Duration;

use futures::StreamExt;
use proto::{
    query::{BoundQuery, Field, QueryResult, Row},
    vtgate::{ExecuteRequest, Session, StreamExecuteRequest},
    vtgateservice::vitess_client::VitessClient,
    vtrpc::CallerId,
};
use rpc::{Channel, ChannelOptions, MAX_MESSAGE_BYTES, error_of};
use vterrors::{Condition, Error, Result};

/// The longest that a statement may take.
const LIMIT: Duration = Duration::from_secs(60);
/// What of a result is shown.
pub(super) const MAX_ROWS: usize = 1_000;
const MAX_BYTES: usize = 4 << 20;

/// A statement for a target.
pub(super) struct Statement {
    /// `ks`, `ks@replica`, `ks:-80`.
    pub target: String,
    pub sql: String,
    /// Whom vtgate and the tablets are told of.
    pub caller: String,
}

/// What came back, as far as it is shown.
#[derive(Default)]
pub(super) struct Shown {
    pub fields: Vec<Field>,
    pub rows: Vec<Row>,
    pub is_cut: bool,
    pub rows_affected: u64,
    pub insert_id: u64,
}

pub(super) struct Gate {
    address: String,
    client: VitessClient<Channel>,
}

impl Gate {
    /// The vtgate at `host:port`; connects at the first statement.
    pub fn new(address: &str, options: &ChannelOptions) -> Result<Self> {
        let channel = rpc::connect_lazy(address, options)
            .map_err(|e| Error::invalid(format!("--vtgate-address: {e}")))?;
        let client = VitessClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self { address: address.to_owned(), client })
    }

    /// Rows of a statement that only reads.
    pub async fn read(&self, statement: Statement) -> Result<Shown> {
        let request = StreamExecuteRequest {
            caller_id: Some(caller_id(&statement.caller)),
            query: Some(BoundQuery { sql: statement.sql, ..BoundQuery::default() }),
            session: Some(session(statement.target)),
        };
        self.limited(async {
            let mut answers =
                self.client.clone().stream_execute(request).await.map_err(error_of)?.into_inner();
            let (mut shown, mut bytes) = (Shown::default(), 0);
            while let Some(answer) = answers.next().await {
                let Some(result) = answer.map_err(error_of)?.result else { continue };
                if !shown.take(result, &mut bytes) {
                    break;
                }
            }
            Ok(shown)
        })
        .await
    }

    /// Carries out a statement that may write.
    pub async fn write(&self, statement: Statement) -> Result<Shown> {
        let request = ExecuteRequest {
            caller_id: Some(caller_id(&statement.caller)),
            query: Some(BoundQuery { sql: statement.sql, ..BoundQuery::default() }),
            session: Some(session(statement.target)),
            ..ExecuteRequest::default()
        };
        self.limited(async {
            let answer = self.client.clone().execute(request).await.map_err(error_of)?.into_inner();
            if let Some(error) = answer.error {
                return Err(error.into());
            }
            let (mut shown, mut bytes) = (Shown::default(), 0);
            shown.take(answer.result.unwrap_or_default(), &mut bytes);
            Ok(shown)
        })
        .await
    }

    async fn limited(&self, work: impl Future<Output = Result<Shown>>) -> Result<Shown> {
        let late = |_| {
            Error::new(Condition::Timeout, format!("no answer within {LIMIT:?}; the statement was given up"))
        };
        let done = tokio::time::timeout(LIMIT, work).await.map_err(late)?;
        done.map_err(|e| match e.condition() {
            Condition::Unreachable | Condition::ConnectionLost => {
                e.context(format!("the vtgate at {} (--vtgate-address)", self.address))
            }
            _ => e,
        })
    }
}

impl Shown {
    /// Takes over a part of a result; false when no more is shown.
    fn take(&mut self, part: QueryResult, bytes: &mut usize) -> bool {
        if self.fields.is_empty() {
            self.fields = part.fields;
        }
        self.rows_affected += part.rows_affected;
        self.insert_id = self.insert_id.max(part.insert_id);
        for row in part.rows {
            *bytes += row.values.len();
            if self.rows.len() >= MAX_ROWS || *bytes > MAX_BYTES {
                self.is_cut = true;
                return false;
            }
            self.rows.push(row);
        }
        true
    }
}

fn caller_id(name: &str) -> CallerId {
    CallerId { principal: name.to_owned(), component: "vtctld web pages".into(), ..CallerId::default() }
}

fn session(target: String) -> Session {
    Session { autocommit: true, target_string: target, ..Session::default() }
}
