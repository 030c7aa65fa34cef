//! etcd, through its v3 API ("etcd2" is only a name from Vitess's past).
//!
//! A key is `root + "/" + path`, a version is `mod_revision`, a directory is any key below it. Found by
//! trying: a call to an etcd that is gone hangs without a timeout; watches and lease keep-alives end with
//! an error and never resume; replies over 4 MiB are refused by default; a value over 1.5 MiB is refused
//! by etcd itself.

mod lease;
mod lock;

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use etcd_client::{
    Client, Compare, CompareOp, ConnectOptions, EventType, GetOptions, KeyValue, KvClient, PutOptions, Txn,
    TxnOp, TxnOpResponse, WatchOptions, WatchStream,
};
use tokio::sync::mpsc;
use vterrors::{Condition, Error, Result};

use crate::{
    CellFactory, Change, Conn, DirEntry, Entry, HeldLock, LockRequest, TlsFiles, TopoConfig, Version,
    Versioned, WatchTarget, Watching,
    errors::{bad_version, no_node, node_exists, timeout, unavailable},
};

/// The largest reply that is read: a prefix of many tablets.
const MAX_REPLY_BYTES: usize = 256 << 20;
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that is silent for so long while a call or a watch is open is probed, and dropped if the
/// probe is not answered. etcd refuses probes more often than every 5 s.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));
/// Changes that a watch holds for a reader who is slow; beyond them etcd holds them.
const WATCH_BUFFER: usize = 64;

/// Opens roots in etcd.
#[derive(Debug, Clone)]
pub struct EtcdFactory {
    operation_timeout: Duration,
    lease_ttl: Duration,
    tls: Option<TlsFiles>,
}

impl EtcdFactory {
    pub fn new(config: &TopoConfig) -> Self {
        Self {
            operation_timeout: config.operation_timeout,
            lease_ttl: config.lease_ttl,
            tls: config.tls.clone(),
        }
    }
}

#[async_trait]
impl CellFactory for EtcdFactory {
    async fn open(&self, cell: &str, address: &str, root: &str) -> Result<Arc<dyn Conn>> {
        let endpoints: Vec<&str> = address.split(',').map(str::trim).filter(|a| !a.is_empty()).collect();
        if endpoints.is_empty() {
            return Err(Error::invalid(format!("cell {cell}: the address of its lock server is empty")));
        }
        let mut options = ConnectOptions::new()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_keep_alive(KEEPALIVE.0, KEEPALIVE.1)
            .with_keep_alive_while_idle(false)
            .with_require_leader(true);
        if let Some(tls) = &self.tls {
            options = options.with_tls(tls_options(tls));
        }
        let client = Client::connect(&endpoints, Some(options))
            .await
            .map_err(|e| from_etcd(e, &format!("connect to {address}")))?;
        Ok(Arc::new(EtcdConn {
            client,
            address: address.to_owned(),
            root: root.trim_end_matches('/').to_owned(),
            timeout: self.operation_timeout,
            lease_ttl: self.lease_ttl,
        }))
    }
}

fn tls_options(files: &TlsFiles) -> etcd_client::TlsOptions {
    let mut tls = etcd_client::TlsOptions::new();
    if let Some(ca) = &files.ca {
        tls = tls.ca_certificate(etcd_client::Certificate::from_pem(ca));
    }
    if let Some((cert, key)) = &files.identity {
        tls = tls.identity(etcd_client::Identity::from_pem(cert, key));
    }
    tls
}

/// A root in etcd.
#[derive(Clone)]
struct EtcdConn {
    client: Client,
    address: String,
    /// With a slash at the start, without one at the end.
    root: String,
    timeout: Duration,
    lease_ttl: Duration,
}

impl std::fmt::Debug for EtcdConn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EtcdConn").field("address", &self.address).field("root", &self.root).finish()
    }
}

impl EtcdConn {
    fn key(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }

    /// The path of a key of ours.
    fn path(&self, kv: &KeyValue) -> String {
        let key = String::from_utf8_lossy(kv.key());
        key.strip_prefix(&self.root).unwrap_or(&key).trim_start_matches('/').to_owned()
    }

    fn kv(&self) -> KvClient {
        self.client.kv_client().max_decoding_message_size(MAX_REPLY_BYTES)
    }

    /// Runs one call within the connection's timeout; `what` is for the error's text.
    async fn call<T>(
        &self,
        what: &str,
        path: &str,
        call: impl Future<Output = Result<T, etcd_client::Error>> + Send,
    ) -> Result<T> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(done) => done.map_err(|e| from_etcd(e, &format!("{what} {}{path}", self.at()))),
            Err(_) => Err(timeout(format!("{what} {}{path}", self.at()), self.timeout)),
        }
    }

    fn at(&self) -> String {
        format!("{}{}/", self.address, self.root)
    }

    async fn put_if(&self, path: &str, value: Vec<u8>, when: Option<Compare>) -> Result<Option<Version>> {
        let bytes = value.len();
        let txn = Txn::new().when(when.into_iter().collect::<Vec<_>>()).and_then([TxnOp::put(
            self.key(path),
            value,
            None::<PutOptions>,
        )]);
        let done = self.call("write", path, async { self.kv().txn(txn).await }).await;
        let done = done.map_err(|e| match e.condition() {
            Condition::PacketTooLarge => e.context(format!(
                "a value of {bytes} bytes is too large for etcd (its option --max-request-bytes)"
            )),
            _ => e,
        })?;
        let revision = done.header().map_or(0, |h| h.revision());
        Ok(done.succeeded().then_some(Version(revision)))
    }

    async fn get_kvs(
        &self,
        what: &str,
        path: &str,
        options: Option<GetOptions>,
    ) -> Result<(Vec<KeyValue>, i64)> {
        let mut done = self.call(what, path, async { self.kv().get(self.key(path), options).await }).await?;
        let revision = done.header().map_or(0, |h| h.revision());
        Ok((done.take_kvs(), revision))
    }

    async fn start_watch(&self, target: &WatchTarget, after: i64) -> Result<WatchStream> {
        let mut options = WatchOptions::new().with_start_revision(after + 1);
        if matches!(target, WatchTarget::Prefix(_)) {
            options = options.with_prefix();
        }
        let mut client = self.client.watch_client().max_decoding_message_size(MAX_REPLY_BYTES);
        let path = target.path();
        self.call("watch", path, async { client.watch(self.key(path), Some(options)).await }).await
    }

    fn entry(&self, kv: KeyValue) -> Entry {
        let (path, version) = (self.path(&kv), Version(kv.mod_revision()));
        Entry { path, value: kv.into_key_value().1, version }
    }
}

#[async_trait]
impl Conn for EtcdConn {
    async fn get(&self, path: &str) -> Result<Versioned<Vec<u8>>> {
        let (kvs, _) = self.get_kvs("read", path, None).await?;
        let kv = kvs.into_iter().next().ok_or_else(|| no_node(path))?;
        let version = Version(kv.mod_revision());
        Ok(Versioned { value: kv.into_key_value().1, version })
    }

    async fn get_version(&self, path: &str, version: Version) -> Result<Vec<u8>> {
        let options = GetOptions::new().with_revision(version.0);
        let (kvs, _) = self.get_kvs("read", path, Some(options)).await?;
        let kv = kvs.into_iter().next().filter(|kv| kv.mod_revision() == version.0);
        Ok(kv.ok_or_else(|| no_node(format!("{path} at version {version}")))?.into_key_value().1)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let (kvs, _) = self.get_kvs("list", prefix, Some(GetOptions::new().with_prefix())).await?;
        Ok(kvs.into_iter().map(|kv| self.entry(kv)).collect())
    }

    async fn list_dir(&self, dir: &str) -> Result<Vec<DirEntry>> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let options = GetOptions::new().with_prefix().with_keys_only();
        let (kvs, _) = self.get_kvs("list", &prefix, Some(options)).await?;
        let below = kvs.iter().map(|kv| (self.path(kv), kv.lease() != 0));
        let entries = children(&prefix, below);
        if entries.is_empty() { Err(no_node(dir)) } else { Ok(entries) }
    }

    async fn create(&self, path: &str, value: Vec<u8>) -> Result<Version> {
        let absent = Compare::version(self.key(path), CompareOp::Equal, 0);
        self.put_if(path, value, Some(absent)).await?.ok_or_else(|| node_exists(path))
    }

    async fn update(&self, path: &str, value: Vec<u8>, version: Option<Version>) -> Result<Version> {
        let unchanged = version.map(|v| Compare::mod_revision(self.key(path), CompareOp::Equal, v.0));
        self.put_if(path, value, unchanged).await?.ok_or_else(|| bad_version(path))
    }

    async fn delete(&self, path: &str, version: Option<Version>) -> Result<()> {
        let key = self.key(path);
        let when: Vec<_> =
            version.map(|v| Compare::mod_revision(key.clone(), CompareOp::Equal, v.0)).into_iter().collect();
        let txn = Txn::new()
            .when(when)
            .and_then([TxnOp::delete(key.clone(), None)])
            .or_else([TxnOp::get(key, None)]);
        let done = self.call("delete", path, async { self.kv().txn(txn).await }).await?;
        match done.op_responses().into_iter().next() {
            Some(TxnOpResponse::Delete(d)) if d.deleted() > 0 => Ok(()),
            Some(TxnOpResponse::Get(g)) if !g.kvs().is_empty() => Err(bad_version(path)),
            _ => Err(no_node(path)),
        }
    }

    async fn watch(&self, target: WatchTarget) -> Result<Watching> {
        let options = matches!(target, WatchTarget::Prefix(_)).then(|| GetOptions::new().with_prefix());
        let (kvs, revision) = self.get_kvs("read", target.path(), options).await?;
        let stream = self.start_watch(&target, revision).await?;
        let (tx, changes) = mpsc::channel(WATCH_BUFFER);
        tokio::spawn(pump(self.clone(), target.path().to_owned(), stream, tx));
        Ok(Watching { current: kvs.into_iter().map(|kv| self.entry(kv)).collect(), changes })
    }

    async fn lock(&self, request: LockRequest) -> Result<Box<dyn HeldLock>> {
        lock::take(self, request).await
    }
}

/// Carries events from etcd to the reader until one of them goes away.
async fn pump(conn: EtcdConn, path: String, mut stream: WatchStream, tx: mpsc::Sender<Result<Change>>) {
    loop {
        let message = tokio::select! {
            () = tx.closed() => return,
            message = stream.message() => message,
        };
        let lost = |why: String| Error::new(Condition::ConnectionLost, format!("watch of {path}: {why}"));
        let response = match message {
            Ok(Some(r)) if r.canceled() => Err(lost(format!("cancelled by etcd: {}", r.cancel_reason()))),
            Ok(Some(r)) => Ok(r),
            Ok(None) => Err(lost("closed by etcd".into())),
            Err(e) => Err(lost(e.to_string())),
        };
        let response = match response {
            Ok(response) => response,
            Err(e) => return drop(tx.send(Err(e)).await),
        };
        for event in response.events() {
            let Some(kv) = event.kv() else { continue };
            let value = (event.event_type() == EventType::Put).then(|| kv.value().to_vec());
            let change = Change { path: conn.path(kv), value, version: Version(kv.mod_revision()) };
            if tx.send(Ok(change)).await.is_err() {
                return;
            }
        }
    }
}

/// The children of the directory `prefix` (with its slash), from the sorted paths below it.
pub(crate) fn children(prefix: &str, below: impl Iterator<Item = (String, bool)>) -> Vec<DirEntry> {
    let mut entries: Vec<DirEntry> = Vec::new();
    for (path, ephemeral) in below {
        let rest = path.strip_prefix(prefix).unwrap_or(&path);
        let (name, is_dir) = match rest.split_once('/') {
            Some((name, _)) => (name, true),
            None => (rest, false),
        };
        let ephemeral = ephemeral && !is_dir;
        match entries.iter_mut().rev().take(2).find(|e| e.name == name) {
            Some(known) => known.is_dir |= is_dir,
            None => entries.push(DirEntry { name: name.to_owned(), is_dir, ephemeral }),
        }
    }
    entries.sort();
    entries.dedup_by(|later, first| {
        let same = later.name == first.name;
        if same {
            first.is_dir |= later.is_dir;
        }
        same
    });
    entries
}

/// gRPC's numbers of the codes that are told apart.
mod grpc_code {
    pub const INVALID_ARGUMENT: i32 = 3;
    pub const DEADLINE_EXCEEDED: i32 = 4;
    pub const NOT_FOUND: i32 = 5;
    pub const RESOURCE_EXHAUSTED: i32 = 8;
    pub const OUT_OF_RANGE: i32 = 11;
    pub const UNAVAILABLE: i32 = 14;
}

fn from_etcd(e: etcd_client::Error, what: &str) -> Error {
    use etcd_client::Error as E;
    match e {
        E::GRpcStatus(status) => {
            let text = format!("{what}: {}", status.message());
            match status.code() as i32 {
                grpc_code::UNAVAILABLE => unavailable(text),
                grpc_code::DEADLINE_EXCEEDED => Error::new(Condition::Timeout, text),
                grpc_code::NOT_FOUND | grpc_code::OUT_OF_RANGE => Error::new(Condition::NotFound, text),
                grpc_code::INVALID_ARGUMENT if text.contains("too large") => {
                    Error::new(Condition::PacketTooLarge, text)
                }
                grpc_code::INVALID_ARGUMENT => Error::invalid(text),
                grpc_code::RESOURCE_EXHAUSTED => Error::new(Condition::PacketTooLarge, text),
                // A connection that breaks in mid-call comes as Unknown or Cancelled.
                _ => Error::new(Condition::ConnectionLost, text),
            }
        }
        E::TransportError(e) => unavailable(format!("{what}: {e}")),
        E::IoError(e) => unavailable(format!("{what}: {e}")),
        E::InvalidUri(e) => Error::invalid(format!("{what}: {e}")),
        E::InvalidArgs(e) => Error::invalid(format!("{what}: {e}")),
        E::LeaseKeepAliveError(e) => Error::new(Condition::NotFound, format!("{what}: {e}")),
        other => Error::new(Condition::ConnectionLost, format!("{what}: {other}")),
    }
}
