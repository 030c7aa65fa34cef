//! Every process of a cluster as data: name, program, flags, ports, log, how it shows that it is up.
//!
//! Pure: from a [`ClusterSpec`] and a directory, the same plan comes out each time. Ports are those of Vitess's
//! local example; with a base port they are offsets from it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::spec::ClusterSpec;

pub const GLOBAL_ROOT: &str = "/vitess/global";
/// The first tablet's uid; its ports are its uid added to 15000, 16000 and 17000.
const FIRST_UID: u32 = 100;
const HOST: &str = "127.0.0.1";

/// The programs that are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Program {
    Etcd,
    Vtctld,
    Vttablet,
    Vtgate,
    Vtorc,
}

impl Program {
    pub fn file(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
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
    /// Up when `GET http://127.0.0.1:<port><path>` answers 200.
    pub ready: (u16, &'static str),
}

/// One tablet with its mysqld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TabletPlan {
    pub uid: u32,
    /// `zone1-0000000100`
    pub alias: String,
    pub keyspace: String,
    pub shard: String,
    pub mysql_port: u16,
    pub process: ProcessPlan,
    /// Whether it is the one that becomes primary when the shard has none.
    pub first: bool,
}

/// The whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub data_dir: PathBuf,
    pub spec: SpecView,
    pub etcd: ProcessPlan,
    pub vtctld: ProcessPlan,
    pub tablets: Vec<TabletPlan>,
    pub vtgate: ProcessPlan,
    /// None where the cluster does without.
    pub vtorc: Option<ProcessPlan>,
    pub ports: Ports,
}

/// What of the spec the later steps ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpecView {
    pub cells: Vec<String>,
    pub keyspaces: Vec<(String, Vec<String>)>,
    pub sample: bool,
}

/// The numbers of every port that does not belong to a tablet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Ports {
    base: Option<u16>,
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
    pub fn new(base: Option<u16>) -> Self {
        let pick = |offset: u16, default: u16| base.map_or(default, |b| b.saturating_add(offset));
        Self {
            base,
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
        let ports = Ports::new(spec.base_port);
        let maker = Maker { spec, data_dir, ports };
        Self {
            data_dir: data_dir.to_owned(),
            spec: SpecView {
                cells: spec.cells.clone(),
                keyspaces: spec.keyspaces.iter().map(|k| (k.name.clone(), k.shards.clone())).collect(),
                sample: spec.sample,
            },
            etcd: maker.etcd(),
            vtctld: maker.vtctld(),
            tablets: maker.tablets(),
            vtgate: maker.vtgate(),
            vtorc: spec.vtorc.then(|| maker.vtorc()),
            ports,
        }
    }

    /// The topology flags that every program of ours takes.
    pub fn topo_flags(&self) -> Vec<String> {
        topo_flags(&self.ports)
    }

    pub fn etcd_address(&self) -> String {
        format!("{HOST}:{}", self.ports.etcd)
    }

    /// Where `vtctldclient` finds vtctld.
    pub fn vtctld_address(&self) -> String {
        format!("{HOST}:{}", self.ports.vtctld_grpc)
    }

    /// The file with vtgate's users.
    pub fn users_file(&self) -> PathBuf {
        users_file(&self.data_dir)
    }

    /// The line to type.
    pub fn connect_line(&self, client: &str) -> String {
        let database = if self.spec.sample { " customer" } else { "" };
        format!("{client} -h {HOST} -P {} -u user{database}", self.ports.vtgate_mysql)
    }
}

struct Maker<'a> {
    spec: &'a ClusterSpec,
    data_dir: &'a Path,
    ports: Ports,
}

impl Maker<'_> {
    fn process(
        &self,
        name: &str,
        program: Program,
        args: Vec<String>,
        ports: &[(&'static str, u16)],
    ) -> ProcessPlan {
        ProcessPlan {
            name: name.to_owned(),
            program,
            args,
            ports: ports.iter().map(|(what, port)| Port { what, port: *port }).collect(),
            log: self.data_dir.join("logs").join(format!("{name}.log")),
            ready: (ports.first().map_or(0, |p| p.1), "/debug/vars"),
        }
    }

    fn etcd(&self) -> ProcessPlan {
        let (client, peer) = (self.ports.etcd, self.ports.etcd_peer);
        let url = |port| format!("http://{HOST}:{port}");
        let args = flags(&[
            ("data-dir", &self.data_dir.join("etcd").display().to_string()),
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
        let mut plan = self.process("etcd", Program::Etcd, args, &[("client", client), ("peer", peer)]);
        plan.ready = (client, "/health");
        plan
    }

    fn vtctld(&self) -> ProcessPlan {
        let (http, grpc) = (self.ports.vtctld_http, self.ports.vtctld_grpc);
        let mut args = topo_flags(&self.ports);
        args.extend(flags(&[
            ("cell", &self.spec.cells[0]),
            ("port", &http.to_string()),
            ("grpc-port", &grpc.to_string()),
            ("service-map", "grpc-vtctl,grpc-vtctld"),
        ]));
        self.process("vtctld", Program::Vtctld, args, &[("http", http), ("grpc", grpc)])
    }

    fn vtgate(&self) -> ProcessPlan {
        let Ports { vtgate_http: http, vtgate_grpc: grpc, vtgate_mysql: mysql, .. } = self.ports;
        let wait = if self.spec.replicas > 0 { "PRIMARY,REPLICA" } else { "PRIMARY" };
        let mut args = topo_flags(&self.ports);
        args.extend(flags(&[
            ("cell", &self.spec.cells[0]),
            ("cells-to-watch", &self.spec.cells.join(",")),
            ("tablet-types-to-wait", wait),
            ("port", &http.to_string()),
            ("grpc-port", &grpc.to_string()),
            ("mysql-server-port", &mysql.to_string()),
            ("mysql-server-bind-address", HOST),
            ("mysql-auth-server-impl", "static"),
            ("mysql-auth-server-static-file", &users_file(self.data_dir).display().to_string()),
            ("tablet-refresh-interval", "5s"),
            ("service-map", "grpc-vtgateservice"),
        ]));
        args.extend(self.spec.vtgate_args.iter().cloned());
        self.process("vtgate", Program::Vtgate, args, &[("http", http), ("grpc", grpc), ("mysql", mysql)])
    }

    fn vtorc(&self) -> ProcessPlan {
        let http = self.ports.vtorc_http;
        let mut args = topo_flags(&self.ports);
        args.extend(flags(&[
            ("cell", &self.spec.cells[0]),
            ("port", &http.to_string()),
            ("instance-poll-time", "1s"),
            ("topo-information-refresh-duration", "3s"),
            // A lock whose holder was killed is free again after that.
            ("topo-etcd-lease-ttl", "5"),
            ("change-tablets-with-errant-gtid-to-drained", "true"),
            (
                "audit-file-location",
                &self.data_dir.join("logs").join("vtorc-audit.json").display().to_string(),
            ),
        ]));
        args.extend(self.spec.vtorc_args.iter().cloned());
        self.process("vtorc", Program::Vtorc, args, &[("http", http)])
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
        let socket = self.data_dir.join(format!("vt_{uid:010}/mysql.sock"));
        let mut args = topo_flags(&self.ports);
        args.extend(flags(&[
            ("tablet-path", &alias),
            ("tablet-hostname", HOST),
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
        args.extend(self.spec.vttablet_args.iter().cloned());
        let name = format!("vttablet-{uid}");
        TabletPlan {
            uid,
            alias,
            keyspace: keyspace.to_owned(),
            shard: shard.to_owned(),
            mysql_port: ports.mysql,
            process: self.process(
                &name,
                Program::Vttablet,
                args,
                &[("http", ports.http), ("grpc", ports.grpc)],
            ),
            first,
        }
    }
}

fn users_file(data_dir: &Path) -> PathBuf {
    data_dir.join("mysql_users.json")
}

fn topo_flags(ports: &Ports) -> Vec<String> {
    flags(&[
        ("topo-implementation", "etcd2"),
        ("topo-global-server-address", &format!("{HOST}:{}", ports.etcd)),
        ("topo-global-root", GLOBAL_ROOT),
    ])
}

fn flags(list: &[(&str, &str)]) -> Vec<String> {
    list.iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

#[cfg(test)]
mod tests;
