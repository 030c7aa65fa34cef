//! The tablets' gRPC: tablet manager and health stream, on streams in memory or on loopback sockets. Every answer takes
//! its time; a tablet that is silent takes bytes and gives none.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use proto::{
    query as q,
    queryservice::query_server::{Query, QueryServer},
    tabletmanagerdata::*,
    topodata::{TabletAlias as ProtoAlias, TabletType},
};
use rpc::{Answered, Routes};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    net::TcpListener,
};
use tonic::{Request, Response, Status};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletAlias;

use super::{
    shape::Cluster,
    shard::{Mysqld, Shard},
    world::{Life, World},
};

/// How long an answer takes, in milliseconds.
const DELAY: std::ops::RangeInclusive<u64> = 1..=20;
/// What may be on its way in each direction of a stream in memory.
const PIPE_BYTES: usize = 64 << 10;
/// Between two messages of a health stream that have no news.
const HEALTH_EVERY: Duration = Duration::from_secs(20);
/// Between two looks of a call that waits for replication, and the longest wait.
const WAIT_STEP: Duration = Duration::from_millis(5);
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// What every tablet answers with.
#[derive(Clone)]
pub struct Tablets {
    world: Arc<World>,
    routes: Routes,
}

impl Tablets {
    pub async fn new(world: Arc<World>) -> Result<Self> {
        Ok(Self { world, routes: rpc::routes().await? })
    }

    fn routes(&self, tablet: usize) -> Routes {
        let world = Arc::clone(&self.world);
        let manager = move |method: &str, message: Bytes| -> Answered {
            let (world, method) = (Arc::clone(&world), method.to_owned());
            Box::pin(async move { manage(&world, tablet, &method, message).await })
        };
        let queries = Queries { world: Arc::clone(&self.world), tablet };
        let routes = self.routes.clone().by_name("tabletmanagerservice.TabletManager", manager);
        routes.add_service(QueryServer::new(queries))
    }

    /// Serves a connection to a tablet while that lives.
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(self, tablet: usize, stream: S) {
        let mut life = self.world.life(tablet);
        let serving = rpc::serve_stream(stream, self.routes(tablet));
        tokio::pin!(serving);
        loop {
            let now = *life.borrow_and_update();
            let changed = match now {
                Life::Gone => return,
                Life::Silent => life.changed().await,
                Life::Up => tokio::select! {
                    () = &mut serving => return,
                    changed = life.changed() => changed,
                },
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Serves all tablets at `port` of their addresses. Whoever comes to another address is sent away.
    pub async fn listen(self, port: u16) -> Result<()> {
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let listener = TcpListener::bind(address).await.map_err(|e| {
            Error::new(Condition::FailedPrecondition, format!("cannot listen on {address}: {e}"))
        })?;
        tokio::spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else {
                    tokio::time::sleep(WAIT_STEP).await;
                    continue;
                };
                let Ok(IpAddr::V4(address)) = socket.local_addr().map(|a| a.ip()) else { continue };
                let Some(tablet) = self.world.cluster.tablet_at(address) else { continue };
                let _ = socket.set_nodelay(true);
                tokio::spawn(self.clone().serve(tablet, socket));
            }
        });
        Ok(())
    }
}

#[async_trait]
impl rpc::Network for Tablets {
    async fn connect(&self, address: &str) -> io::Result<Box<dyn rpc::Stream>> {
        let host = address.split(':').next().and_then(|host| host.parse().ok());
        let tablet = host.and_then(|host| self.world.cluster.tablet_at(host));
        let tablet = tablet.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        tokio::time::sleep(self.world.millis(DELAY)).await;
        let life = *self.world.life(tablet).borrow();
        if life == Life::Gone {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (ours, theirs): (DuplexStream, DuplexStream) = tokio::io::duplex(PIPE_BYTES);
        tokio::spawn(self.clone().serve(tablet, theirs));
        Ok(Box::new(ours))
    }
}

/// Decodes a call's message, and encodes its answer.
fn answer<Q, A>(message: Bytes, work: impl FnOnce(Q) -> Result<A>) -> Result<Bytes>
where
    Q: prost::Message + Default,
    A: prost::Message,
{
    rpc::encode(&work(rpc::decode(message)?)?)
}

/// A call of the tablet manager.
async fn manage(world: &World, tablet: usize, method: &str, message: Bytes) -> Result<Bytes> {
    tokio::time::sleep(world.millis(DELAY)).await;
    match method {
        "ping" => return answer(message, |r: PingRequest| Ok(PingResponse { payload: r.payload })),
        "refresh_state" => return answer(message, |_: RefreshStateRequest| Ok(RefreshStateResponse {})),
        "full_status" => world.was_looked_at(tablet),
        "stop_replication_and_get_status" | "demote_primary" | "promote_replica" => {
            world.reparents(tablet, method);
        }
        _ => {}
    }
    if world.with(tablet, |s, n| s.members[n].mysqld) != Mysqld::Up {
        return Err(Error::new(Condition::ConnectionLost, "cannot connect to mysqld: Connection refused"));
    }
    match method {
        "set_replication_source" => set_source(world, tablet, rpc::decode(message)?).await,
        "wait_for_position" => {
            let request: WaitForPositionRequest = rpc::decode(message)?;
            until(world, tablet, |s, n| s.has(n, &request.position)).await?;
            rpc::encode(&WaitForPositionResponse {})
        }
        "promote_replica" => {
            let request: PromoteReplicaRequest = rpc::decode(message)?;
            let position = world.with(tablet, |s, n| s.promote(n, request.semi_sync));
            world.publish(tablet).await?;
            rpc::encode(&PromoteReplicaResponse { position })
        }
        "populate_reparent_journal" => {
            let request: PopulateReparentJournalRequest = rpc::decode(message)?;
            world.with(tablet, |s, n| s.write_journal(n, request.time_created_ns))?;
            world.journaled(tablet);
            rpc::encode(&PopulateReparentJournalResponse {})
        }
        _ => world.with(tablet, |s, n| at_once(s, n, method, message)),
    }
}

/// Calls that wait for nothing.
fn at_once(s: &mut Shard, n: usize, method: &str, message: Bytes) -> Result<Bytes> {
    match method {
        "full_status" => {
            answer(message, |_: FullStatusRequest| Ok(FullStatusResponse { status: Some(s.full_status(n)) }))
        }
        "replication_status" => answer(message, |_: ReplicationStatusRequest| {
            Ok(ReplicationStatusResponse { status: Some(s.replication_status(n)?) })
        }),
        "primary_position" => answer(message, |_: PrimaryPositionRequest| {
            Ok(PrimaryPositionResponse { position: s.position(n) })
        }),
        "stop_replication_and_get_status" => answer(message, |_: StopReplicationAndGetStatusRequest| {
            Ok(StopReplicationAndGetStatusResponse { status: Some(s.stop_and_get_status(n)?) })
        }),
        "read_reparent_journal_info" => answer(message, |_: ReadReparentJournalInfoRequest| {
            Ok(ReadReparentJournalInfoResponse { length: s.journal_length(n) })
        }),
        "start_replication" => answer(message, |r: StartReplicationRequest| {
            s.start(n, r.semi_sync);
            Ok(StartReplicationResponse {})
        }),
        "restart_replication" => answer(message, |r: RestartReplicationRequest| {
            s.start(n, r.semi_sync);
            Ok(RestartReplicationResponse {})
        }),
        "stop_replication" => answer(message, |_: StopReplicationRequest| {
            s.stop(n);
            Ok(StopReplicationResponse {})
        }),
        "set_read_only" => answer(message, |_: SetReadOnlyRequest| {
            s.set_writable(n, false);
            Ok(SetReadOnlyResponse {})
        }),
        "set_read_write" => answer(message, |_: SetReadWriteRequest| {
            s.set_writable(n, true);
            Ok(SetReadWriteResponse {})
        }),
        "demote_primary" => answer(message, |_: DemotePrimaryRequest| {
            Ok(DemotePrimaryResponse { primary_status: Some(s.demote(n)?) })
        }),
        "undo_demote_primary" => answer(message, |r: UndoDemotePrimaryRequest| {
            s.undo_demote(n, r.semi_sync).map(|()| UndoDemotePrimaryResponse {})
        }),
        "reset_replication_parameters" => answer(message, |_: ResetReplicationParametersRequest| {
            s.forget_source(n);
            Ok(ResetReplicationParametersResponse {})
        }),
        other => Err(Error::unsupported(format!("a simulated tablet does not know {other}"))),
    }
}

async fn set_source(world: &World, tablet: usize, request: SetReplicationSourceRequest) -> Result<Bytes> {
    let parent = TabletAlias::from_proto(request.parent.as_ref());
    let shard = &world.cluster.shards[world.cluster.tablets[tablet].shard];
    let source = shard.tablets.iter().position(|t| Some(world.cluster.alias(*t)) == parent);
    let source = source.ok_or_else(|| Error::invalid(format!("{parent:?} is not of this shard")))?;
    let led = world.with(tablet, |s, n| {
        let led = s.members[n].tablet_type == TabletType::Primary;
        s.follow(n, source, &request);
        led
    });
    if led {
        world.publish(tablet).await?;
    }
    until(world, tablet, |s, n| {
        s.has(n, &request.wait_position) && s.has_journal(n, request.time_created_ns)
    })
    .await?;
    rpc::encode(&SetReplicationSourceResponse {})
}

async fn until(world: &World, tablet: usize, check: impl Fn(&Shard, usize) -> bool) -> Result<()> {
    let wait = async {
        while !world.with(tablet, |s, n| check(s, n)) {
            tokio::time::sleep(WAIT_STEP).await;
        }
    };
    tokio::time::timeout(WAIT_LIMIT, wait)
        .await
        .map_err(|_| Error::new(Condition::Timeout, format!("not replicated within {WAIT_LIMIT:?}")))
}

/// The query service of a tablet, as far as a vtgate without clients asks.
struct Queries {
    world: Arc<World>,
    tablet: usize,
}

type Messages<T> = std::pin::Pin<Box<dyn Stream<Item = std::result::Result<T, Status>> + Send>>;

/// Counts an open stream.
struct Open(Arc<World>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queries {
    fn health(world: &World, tablet: usize) -> q::StreamHealthResponse {
        let of = &world.cluster.tablets[tablet];
        let (tablet_type, term, mysqld) =
            world.with(tablet, |s, n| (s.members[n].tablet_type, s.members[n].term, s.members[n].mysqld));
        let error = if mysqld == Mysqld::Up { "" } else { "cannot connect to mysqld" };
        q::StreamHealthResponse {
            target: Some(q::Target {
                keyspace: world.cluster.keyspace(of.shard).name.clone(),
                shard: world.cluster.shards[of.shard].name.clone(),
                tablet_type: tablet_type as i32,
                cell: String::new(),
            }),
            serving: mysqld == Mysqld::Up,
            primary_term_start_timestamp: term,
            realtime_stats: Some(q::RealtimeStats {
                health_error: error.to_owned(),
                cpu_usage: 0.25,
                qps: 1234.5,
                ..q::RealtimeStats::default()
            }),
            tablet_alias: Some(ProtoAlias { cell: Cluster::cell_name(of.cell), uid: of.uid }),
        }
    }
}

#[async_trait]
impl Query for Queries {
    async fn stream_health(
        &self,
        _: Request<q::StreamHealthRequest>,
    ) -> std::result::Result<Response<Messages<q::StreamHealthResponse>>, Status> {
        let (world, tablet) = (Arc::clone(&self.world), self.tablet);
        tokio::time::sleep(world.millis(DELAY)).await;
        world.streams.fetch_add(1, Ordering::Relaxed);
        let (news, open) = (world.news(tablet), Open(Arc::clone(&world)));
        let messages = stream::unfold((news, open, true), move |(mut news, open, first)| {
            let world = Arc::clone(&world);
            async move {
                if !first {
                    // Not all in the same instant.
                    let pause = HEALTH_EVERY + world.millis(0..=1_000);
                    let _ = tokio::time::timeout(pause, news.changed()).await;
                }
                let health = Self::health(&world, tablet);
                Some((Ok(health), (news, open, false)))
            }
        });
        Ok(Response::new(messages.boxed()))
    }

    /// Every table is empty, and so is the list of them.
    async fn stream_execute(
        &self,
        _: Request<q::StreamExecuteRequest>,
    ) -> std::result::Result<Response<Messages<q::StreamExecuteResponse>>, Status> {
        tokio::time::sleep(self.world.millis(DELAY)).await;
        let answer = q::StreamExecuteResponse { result: Some(q::QueryResult::default()) };
        Ok(Response::new(stream::once(async move { Ok(answer) }).boxed()))
    }
}
