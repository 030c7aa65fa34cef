//! Every process of a cluster as data: name, program, flags, ports, log, how it shows that it is up.
//!
//! Pure: from a [`ClusterSpec`] and a directory, the same plan comes out each time. Ports are those of Vitess's
//! local example; with a base port they are offsets from it.
//!
//! A cluster of one cell has one etcd, which holds the global root and the cell's. With several cells each has an etcd
//! of its own beside the global one, a vtgate and a vtorc, named after the cell (`vtgate-b`): a cell can be lost as a
//! whole, and the rest goes on.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{
    spec::{ClusterSpec, FlavorWish, Place},
    tls::{CLIENT, TlsDir},
};

pub const GLOBAL_ROOT: &str = "/vitess/global";
/// The first tablet's uid; its ports are its uid added to 15000, 16000 and 17000.
const FIRST_UID: u32 = 100;
/// With a base port, each cell after the first has so many beside its tablets'.
const PORTS_OF_CELL: u16 = 6;

/// The programs that are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Program {
    Etcd,
    Mysqlctld,
    Vtctld,
    Vttablet,
    Vtgate,
    Vtorc,
}

impl Program {
    pub fn file(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Mysqlctld => "mysqlctld",
            Self::Vtctld => "vtctld",
            Self::Vttablet => "vttablet",
            Self::Vtgate => "vtgate",
            Self::Vtorc => "vtorc",
        }
    }
}

/// A port and what speaks there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Port {
    pub what: &'static str,
    pub port: u16,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessPlan {
    pub name: String,
    pub program: Program,
    pub args: Vec<String>,
    pub ports: Vec<Port>,
    pub log: PathBuf,
    pub ready: Ready,
    /// Where it runs.
    pub place: Place,
}

/// How a process shows that it is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Ready {
    /// `GET http://<host>:<port><path>` answers 200.
    Http(u16, &'static str),
    /// The same by TLS, with a certificate of the authority in this file.
    Https(u16, &'static str, PathBuf),
    /// It listens on this Unix socket.
    Socket(PathBuf),
    /// It listens on this port, whatever it speaks.
    Port(u16),
}

impl ProcessPlan {
    /// The port of its pages; 0 where it has none.
    pub fn http_port(&self) -> u16 {
        match self.ready {
            Ready::Http(port, _) | Ready::Https(port, ..) => port,
            Ready::Socket(_) | Ready::Port(_) => 0,
        }
    }

    /// Host and port of its pages.
    pub fn http(&self) -> (&str, u16) {
        (&self.place.host, self.http_port())
    }
}

/// One tablet with its mysqld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TabletPlan {
    pub uid: u32,
    /// `zone1-0000000100`
    pub alias: String,
    pub cell: String,
    pub keyspace: String,
    pub shard: String,
    pub mysql_port: u16,
    pub process: ProcessPlan,
    /// Starts mysqld again when it has taken another's data. None for MariaDB, which has no clone plugin.
    pub mysqlctld: Option<ProcessPlan>,
    /// Whether it is the one that becomes primary when the shard has none.
    pub first: bool,
}

/// What a cell has beside its tablets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CellPlan {
    pub name: String,
    /// None in a cluster of one cell, whose root is in the global etcd.
    pub etcd: Option<ProcessPlan>,
    /// `host:port` of the etcd that holds the cell's root.
    pub etcd_address: String,
    pub vtgate: ProcessPlan,
    /// None where the cluster does without.
    pub vtorc: Option<ProcessPlan>,
    pub ports: CellPorts,
    /// For MySQL clients of vtgate on this machine.
    pub socket: PathBuf,
}

impl CellPlan {
    /// Host and port for MySQL clients.
    pub fn mysql(&self) -> (&str, u16) {
        (&self.vtgate.place.host, self.ports.vtgate_mysql)
    }
}

/// The whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub data_dir: PathBuf,
    pub spec: SpecView,
    /// The one that holds the global root.
    pub etcd: ProcessPlan,
    pub vtctld: ProcessPlan,
    /// At least one.
    pub cells: Vec<CellPlan>,
    pub tablets: Vec<TabletPlan>,
    /// Those of the first cell are in [`CellPlan`], too.
    pub ports: Ports,
    /// None where nothing is encrypted.
    pub tls: Option<TlsDir>,
}

/// What of the spec the later steps ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpecView {
    pub cells: Vec<String>,
    pub keyspaces: Vec<(String, Vec<String>)>,
    pub sample: bool,
}

/// The ports of what a cell has beside its tablets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CellPorts {
    /// Of its own etcd, where it has one.
    pub etcd: u16,
    pub etcd_peer: u16,
    pub vtgate_http: u16,
    pub vtgate_grpc: u16,
    pub vtgate_mysql: u16,
    pub vtorc_http: u16,
}

/// The numbers of the ports of a cluster of one cell that do not belong to a tablet, and the rules for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Ports {
    base: Option<u16>,
    /// With a base port, the cells after the first come behind those.
    tablets: u16,
    pub etcd: u16,
    pub etcd_peer: u16,
    pub vtctld_http: u16,
    pub vtctld_grpc: u16,
    pub vtgate_http: u16,
    pub vtgate_grpc: u16,
    pub vtgate_mysql: u16,
    pub vtorc_http: u16,
}

/// Ports that a tablet has: HTTP, gRPC, and its mysqld's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TabletPorts {
    pub http: u16,
    pub grpc: u16,
    pub mysql: u16,
}

impl Ports {
    pub fn new(base: Option<u16>, tablets: usize) -> Self {
        let pick = |offset: u16, default: u16| base.map_or(default, |b| b.saturating_add(offset));
        Self {
            base,
            tablets: u16::try_from(tablets).unwrap_or(u16::MAX),
            etcd: pick(0, 2379),
            etcd_peer: pick(1, 2380),
            vtctld_http: pick(2, 15000),
            vtctld_grpc: pick(3, 15999),
            vtgate_http: pick(4, 15001),
            vtgate_grpc: pick(5, 15991),
            vtgate_mysql: pick(6, 15306),
            vtorc_http: pick(7, 16000),
        }
    }

    /// Of the cell that comes at place `index`, from 0.
    pub fn cell(&self, index: u16) -> CellPorts {
        let first = CellPorts {
            etcd: self.base.map_or(2381, |b| b.saturating_add(8)),
            etcd_peer: self.base.map_or(2382, |b| b.saturating_add(9)),
            vtgate_http: self.vtgate_http,
            vtgate_grpc: self.vtgate_grpc,
            vtgate_mysql: self.vtgate_mysql,
            vtorc_http: self.vtorc_http,
        };
        match (index, self.base) {
            (0, _) => first,
            (_, None) => CellPorts {
                etcd: first.etcd + 2 * index,
                etcd_peer: first.etcd_peer + 2 * index,
                vtgate_http: first.vtgate_http + index,
                vtgate_grpc: first.vtgate_grpc + index,
                vtgate_mysql: first.vtgate_mysql + index,
                vtorc_http: first.vtorc_http + index,
            },
            (_, Some(_)) => {
                let offset = (index - 1).saturating_mul(PORTS_OF_CELL);
                let begin = self.tablet(self.tablets).http.saturating_add(offset);
                let port = |n: u16| begin.saturating_add(n);
                CellPorts {
                    etcd: port(0),
                    etcd_peer: port(1),
                    vtgate_http: port(2),
                    vtgate_grpc: port(3),
                    vtgate_mysql: port(4),
                    vtorc_http: port(5),
                }
            }
        }
    }

    /// Of the tablet that comes at place `index` in the plan, from 0.
    pub fn tablet(&self, index: u16) -> TabletPorts {
        let tablet = |http, grpc, mysql| TabletPorts { http, grpc, mysql };
        match self.base {
            Some(base) => {
                let first = base.saturating_add(10).saturating_add(index.saturating_mul(3));
                tablet(first, first.saturating_add(1), first.saturating_add(2))
            }
            None => tablet(15_100 + index, 16_100 + index, 17_100 + index),
        }
    }
}

impl Plan {
    /// `data_dir` is absolute.
    pub fn new(spec: &ClusterSpec, data_dir: &Path) -> Self {
        let ports = Ports::new(spec.base_port, spec.tablets());
        let tls = spec.tls.then(|| TlsDir::new(data_dir));
        let maker = Maker { spec, data_dir, ports, tls: tls.clone() };
        Self {
            data_dir: data_dir.to_owned(),
            spec: SpecView {
                cells: spec.cells.clone(),
                keyspaces: spec.keyspaces.iter().map(|k| (k.name.clone(), k.shards.clone())).collect(),
                sample: spec.sample,
            },
            etcd: maker.etcd("etcd", ports.etcd, ports.etcd_peer, &spec.place),
            vtctld: maker.vtctld(),
            cells: (0..).zip(&spec.cells).map(|(index, name)| maker.cell(index, name)).collect(),
            tablets: maker.tablets(),
            ports,
            tls,
        }
    }

    /// The topology flags that every program of ours takes.
    pub fn topo_flags(&self) -> Vec<String> {
        topo_flags(&self.etcd.place.host, &self.ports, self.tls.as_ref(), CLIENT)
    }

    /// What `vtctldclient` needs to speak with vtctld, and with tablets.
    pub fn client_flags(&self) -> Vec<String> {
        let Some(tls) = &self.tls else { return Vec::new() };
        [tls.flags("vtctld-grpc", CLIENT), tls.flags("tablet-manager-grpc", CLIENT)].concat()
    }

    /// Every process that is no tablet's: the etcds, vtctld, the vtorcs, the vtgates.
    pub fn servers(&self) -> impl Iterator<Item = &ProcessPlan> {
        let of_cells = self.cells.iter();
        self.etcds().chain([&self.vtctld]).chain(self.vtorcs()).chain(of_cells.map(|c| &c.vtgate))
    }

    /// The global one first.
    pub fn etcds(&self) -> impl Iterator<Item = &ProcessPlan> {
        [&self.etcd].into_iter().chain(self.cells.iter().filter_map(|c| c.etcd.as_ref()))
    }

    /// None where the cluster does without.
    pub fn vtorcs(&self) -> impl Iterator<Item = &ProcessPlan> {
        self.cells.iter().filter_map(|c| c.vtorc.as_ref())
    }

    pub fn mysqlctlds(&self) -> impl Iterator<Item = &ProcessPlan> {
        self.tablets.iter().filter_map(|t| t.mysqlctld.as_ref())
    }

    pub fn vtgates(&self) -> impl Iterator<Item = &ProcessPlan> {
        self.cells.iter().map(|c| &c.vtgate)
    }

    /// A cell by its name.
    pub fn cell(&self, name: &str) -> Option<&CellPlan> {
        self.cells.iter().find(|c| c.name == name)
    }

    /// The web pages' address, and how to believe it.
    pub fn pages_line(&self) -> String {
        let at = format!("{}:{}/", self.vtctld.place.host, self.ports.vtctld_http);
        match &self.tls {
            None => format!("http://{at}"),
            Some(tls) => format!("https://{at} (its authority: {})", tls.ca().display()),
        }
    }

    /// Where `vtctldclient` finds vtctld.
    pub fn vtctld_address(&self) -> String {
        format!("{}:{}", self.vtctld.place.host, self.ports.vtctld_grpc)
    }

    /// The file with vtgate's users.
    pub fn users_file(&self) -> PathBuf {
        users_file(&self.data_dir)
    }

    /// The line to type for the vtgate of a cell.
    pub fn connect_line(&self, client: &str, cell: &CellPlan) -> String {
        let database = if self.spec.sample { " customer" } else { "" };
        let tls = self.tls.as_ref();
        let tls = tls.map_or_else(String::new, |tls| format!(" --ssl-ca={}", tls.ca().display()));
        let (host, port) = cell.mysql();
        format!("{client}{tls} -h {host} -P {port} -u user{database}")
    }
}

struct Maker<'a> {
    spec: &'a ClusterSpec,
    data_dir: &'a Path,
    ports: Ports,
    tls: Option<TlsDir>,
}

impl Maker<'_> {
    fn process(
        &self,
        name: &str,
        program: Program,
        mut args: Vec<String>,
        ports: &[(&'static str, u16)],
        place: &Place,
    ) -> ProcessPlan {
        if *place != Place::default() {
            // They listen on the loopback when not told otherwise.
            let listens = [("http", "bind-address"), ("grpc", "grpc-bind-address")];
            let has = |what: &str| ports.iter().any(|p| p.0 == what);
            args.extend(listens.iter().filter(|l| has(l.0)).map(|l| format!("--{}={}", l.1, place.host)));
        }
        ProcessPlan {
            name: name.to_owned(),
            program,
            args,
            ports: ports.iter().map(|(what, port)| Port { what, port: *port }).collect(),
            log: self.data_dir.join("logs").join(format!("{name}.log")),
            ready: Ready::Http(ports.first().map_or(0, |p| p.1), "/debug/vars"),
            place: place.clone(),
        }
    }

    /// `vtgate`, or with several cells `vtgate-b`.
    fn name_in(&self, cell: &str, program: Program) -> String {
        match self.spec.cells.len() {
            1 => program.file().to_owned(),
            _ => format!("{}-{cell}", program.file()),
        }
    }

    fn cell(&self, index: u16, name: &str) -> CellPlan {
        let ports = self.ports.cell(index);
        let alone = self.spec.cells.len() == 1;
        let etcd = self.name_in(name, Program::Etcd);
        let place = self.spec.place_of(name);
        let (etcd_host, etcd_port) =
            if alone { (&self.spec.place.host, self.ports.etcd) } else { (&place.host, ports.etcd) };
        CellPlan {
            name: name.to_owned(),
            etcd: (!alone).then(|| self.etcd(&etcd, ports.etcd, ports.etcd_peer, place)),
            etcd_address: format!("{etcd_host}:{etcd_port}"),
            vtgate: self.vtgate(name, &ports),
            vtorc: self.spec.vtorc.then(|| self.vtorc(name, &ports)),
            ports,
            socket: self.vtgate_socket(name),
        }
    }

    fn etcd(&self, name: &str, client: u16, peer: u16, place: &Place) -> ProcessPlan {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let url = |port| format!("{scheme}://{}:{port}", place.host);
        let mut args = flags(&[
            ("data-dir", &self.data_dir.join(name).display().to_string()),
            ("name", "vtlocal"),
            ("listen-client-urls", &url(client)),
            ("advertise-client-urls", &url(client)),
            ("listen-peer-urls", &url(peer)),
            ("initial-advertise-peer-urls", &url(peer)),
            ("initial-cluster", &format!("vtlocal={}", url(peer))),
            // One member has nobody to wait for.
            ("heartbeat-interval", "50"),
            ("election-timeout", "500"),
            // History is for watches that lag; an hour of it is plenty here.
            ("auto-compaction-mode", "periodic"),
            ("auto-compaction-retention", "1h"),
        ]);
        args.extend(self.etcd_tls(name));
        let mut plan = self.process(name, Program::Etcd, args, &[("client", client), ("peer", peer)], place);
        plan.ready = match &self.tls {
            None => Ready::Http(client, "/health"),
            Some(_) => Ready::Port(client),
        };
        plan
    }

    fn etcd_tls(&self, name: &str) -> Vec<String> {
        let Some(tls) = &self.tls else { return Vec::new() };
        let (cert, key) = tls.pair(name);
        let (ca, cert, key) =
            (tls.ca().display().to_string(), cert.display().to_string(), key.display().to_string());
        flags(&[
            ("client-cert-auth", "true"),
            ("trusted-ca-file", &ca),
            ("cert-file", &cert),
            ("key-file", &key),
            ("peer-client-cert-auth", "true"),
            ("peer-trusted-ca-file", &ca),
            ("peer-cert-file", &cert),
            ("peer-key-file", &key),
        ])
    }

    /// The flags of a process's gRPC, by the prefixes that they have.
    fn grpc_tls(&self, name: &str, prefixes: &[&str]) -> Vec<String> {
        let Some(tls) = &self.tls else { return Vec::new() };
        prefixes.iter().flat_map(|prefix| tls.flags(prefix, name)).collect()
    }

    /// TLS of a vtgate's MySQL port: clients need no certificate.
    fn mysql_tls(&self, name: &str) -> Vec<String> {
        let Some(tls) = &self.tls else { return Vec::new() };
        let (cert, key) = tls.pair(name);
        let mut args = flags(&[
            ("mysql-server-ssl-cert", &cert.display().to_string()),
            ("mysql-server-ssl-key", &key.display().to_string()),
        ]);
        args.push("--mysql-server-require-secure-transport".to_owned());
        args
    }

    fn topo_flags(&self, name: &str) -> Vec<String> {
        topo_flags(&self.spec.place.host, &self.ports, self.tls.as_ref(), name)
    }

    fn vtctld(&self) -> ProcessPlan {
        let (http, grpc) = (self.ports.vtctld_http, self.ports.vtctld_grpc);
        let vtgate = &self.spec.place_of(&self.spec.cells[0]).host;
        let mut args = self.topo_flags("vtctld");
        args.extend(flags(&[
            ("cell", &self.spec.cells[0]),
            ("port", &http.to_string()),
            ("grpc-port", &grpc.to_string()),
            ("service-map", "grpc-vtctl,grpc-vtctld"),
            // The SQL console of the web pages asks the first cell's.
            ("vtgate-address", &format!("{vtgate}:{}", self.ports.vtgate_grpc)),
        ]));
        args.extend(self.grpc_tls("vtctld", &["grpc", "tablet-manager-grpc", "tablet-grpc", "vtgate-grpc"]));
        let ports = [("http", http), ("grpc", grpc)];
        let mut plan = self.process("vtctld", Program::Vtctld, args, &ports, &self.spec.place);
        if let Some(tls) = &self.tls {
            // Of all pages these are the ones on which people sign in.
            let (cert, key) = tls.pair("vtctld");
            let (cert, key) = (cert.display().to_string(), key.display().to_string());
            plan.args.extend(flags(&[("http-cert", &cert), ("http-key", &key)]));
            plan.ports[0].what = "https";
            plan.ready = Ready::Https(http, "/debug/vars", tls.ca());
        }
        plan
    }

    fn vtgate(&self, cell: &str, ports: &CellPorts) -> ProcessPlan {
        let CellPorts { vtgate_http: http, vtgate_grpc: grpc, vtgate_mysql: mysql, .. } = *ports;
        let name = self.name_in(cell, Program::Vtgate);
        let place = self.spec.place_of(cell);
        let wait = if self.spec.replicas > 0 { "PRIMARY,REPLICA" } else { "PRIMARY" };
        let mut args = self.topo_flags(&name);
        args.extend(flags(&[
            ("cell", cell),
            ("cells-to-watch", &self.spec.cells.join(",")),
            ("tablet-types-to-wait", wait),
            ("port", &http.to_string()),
            ("grpc-port", &grpc.to_string()),
            ("mysql-server-port", &mysql.to_string()),
            ("mysql-server-bind-address", &place.host),
            ("mysql-server-socket-path", &self.vtgate_socket(cell).display().to_string()),
            ("mysql-auth-server-impl", "static"),
            ("mysql-auth-server-static-file", &users_file(self.data_dir).display().to_string()),
            ("tablet-refresh-interval", "5s"),
            ("service-map", "grpc-vtgateservice"),
        ]));
        args.extend(self.grpc_tls(&name, &["grpc", "tablet-grpc"]));
        args.extend(self.mysql_tls(&name));
        args.extend(self.spec.vtgate_args.iter().cloned());
        let ports = [("http", http), ("grpc", grpc), ("mysql", mysql)];
        self.process(&name, Program::Vtgate, args, &ports, place)
    }

    fn vtgate_socket(&self, cell: &str) -> PathBuf {
        self.data_dir.join(format!("{}.sock", self.name_in(cell, Program::Vtgate)))
    }

    fn vtorc(&self, cell: &str, ports: &CellPorts) -> ProcessPlan {
        let http = ports.vtorc_http;
        let name = self.name_in(cell, Program::Vtorc);
        let mut args = self.topo_flags(&name);
        args.extend(flags(&[
            ("cell", cell),
            ("port", &http.to_string()),
            ("instance-poll-time", "1s"),
            ("topo-information-refresh-duration", "3s"),
            // A lock whose holder was killed is free again after that.
            ("topo-etcd-lease-ttl", "3"),
            ("change-tablets-with-errant-gtid-to-drained", "true"),
            (
                "audit-file-location",
                &self.data_dir.join("logs").join(format!("{name}-audit.json")).display().to_string(),
            ),
        ]));
        args.extend(self.grpc_tls(&name, &["tablet-manager-grpc"]));
        args.extend(self.spec.vtorc_args.iter().cloned());
        self.process(&name, Program::Vtorc, args, &[("http", http)], self.spec.place_of(cell))
    }

    fn tablets(&self) -> Vec<TabletPlan> {
        let mut tablets = Vec::new();
        for keyspace in &self.spec.keyspaces {
            for shard in &keyspace.shards {
                for i in 0..1 + self.spec.replicas + self.spec.rdonly {
                    let kind = if i > self.spec.replicas { "rdonly" } else { "replica" };
                    let index = u16::try_from(tablets.len()).unwrap_or(u16::MAX);
                    // The first tablet of each shard is in the first cell, the others take turns.
                    let cell = &self.spec.cells[i as usize % self.spec.cells.len()];
                    tablets.push(self.tablet(index, cell, &keyspace.name, shard, kind, i == 0));
                }
            }
        }
        tablets
    }

    fn tablet(
        &self,
        index: u16,
        cell: &str,
        keyspace: &str,
        shard: &str,
        kind: &str,
        first: bool,
    ) -> TabletPlan {
        let uid = FIRST_UID + u32::from(index);
        let alias = format!("{cell}-{uid:010}");
        let ports = self.ports.tablet(index);
        let place = self.spec.place_of(cell);
        let socket = self.data_dir.join(format!("vt_{uid:010}/mysql.sock"));
        let name = format!("vttablet-{uid}");
        let mut args = self.topo_flags(&name);
        args.extend(flags(&[
            ("tablet-path", &alias),
            ("tablet-hostname", &place.host),
            ("init-keyspace", keyspace),
            ("init-shard", shard),
            ("init-tablet-type", kind),
            ("port", &ports.http.to_string()),
            ("grpc-port", &ports.grpc.to_string()),
            ("db-socket", &socket.display().to_string()),
            ("health-check-interval", "5s"),
            // A replica that does not replicate answers with old rows: it leaves the ones that serve.
            ("enable-replication-reporter", "true"),
            ("replication-connect-retry", "1s"),
            ("service-map", "grpc-queryservice,grpc-tabletmanager"),
        ]));
        let mysqlctld = self.mysqlctld(uid, ports.mysql, place);
        if let Some(ProcessPlan { ready: Ready::Socket(socket), .. }) = &mysqlctld {
            args.extend(flags(&[("mysqlctl-socket", &socket.display().to_string())]));
        }
        // The certificate of --db-ssl-cert is the tablet's: its mysqld shows it to its source.
        args.extend(self.grpc_tls(&name, &["grpc", "tablet-manager-grpc", "db-ssl"]));
        args.extend(self.spec.vttablet_args.iter().cloned());
        TabletPlan {
            uid,
            alias,
            cell: cell.to_owned(),
            keyspace: keyspace.to_owned(),
            shard: shard.to_owned(),
            mysql_port: ports.mysql,
            process: self.process(
                &name,
                Program::Vttablet,
                args,
                &[("http", ports.http), ("grpc", ports.grpc)],
                place,
            ),
            mysqlctld,
            first,
        }
    }

    fn mysqlctld(&self, uid: u32, mysql_port: u16, place: &Place) -> Option<ProcessPlan> {
        if self.spec.flavor == FlavorWish::Mariadb {
            return None;
        }
        let socket = self.data_dir.join(format!("vt_{uid:010}/mysqlctl.sock"));
        let args = flags(&[
            ("tablet-uid", &uid.to_string()),
            ("mysql-port", &mysql_port.to_string()),
            ("socket-file", &socket.display().to_string()),
        ]);
        let mut plan = self.process(&format!("mysqlctld-{uid}"), Program::Mysqlctld, args, &[], place);
        plan.ready = Ready::Socket(socket);
        Some(plan)
    }
}

fn users_file(data_dir: &Path) -> PathBuf {
    data_dir.join("mysql_users.json")
}

fn topo_flags(host: &str, ports: &Ports, tls: Option<&TlsDir>, name: &str) -> Vec<String> {
    let mut args = flags(&[
        ("topo-implementation", "etcd2"),
        ("topo-global-server-address", &format!("{host}:{}", ports.etcd)),
        ("topo-global-root", GLOBAL_ROOT),
    ]);
    args.extend(tls.iter().flat_map(|tls| tls.flags("topo-etcd-tls", name)));
    args
}

fn flags(list: &[(&str, &str)]) -> Vec<String> {
    list.iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

#[cfg(test)]
mod tests;
