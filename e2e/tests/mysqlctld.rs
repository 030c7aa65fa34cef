//! A vttablet beside a mysqld that it may not start itself: a mysqlctld does, over its socket, as when the two are in
//! containers of their own. All programs, etcd and mysqld are real.

// The helpers of a test fail the test.
#![allow(clippy::unwrap_used)]

use std::{
    collections::HashMap,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use e2e::{bin_dir, text};
use proto::{
    query::{BoundQuery, ExecuteRequest, Target},
    tabletmanagerdata::MysqlHostMetricsRequest,
    topodata::{Tablet, TabletAlias, TabletType},
};
use rpc::ChannelOptions;
use tabletclient::{GrpcTabletManagerClient, QueryClient, QueryService, TabletManagerClient};
use testkit::{Etcd, Process, free_ports, spawn, temp_dir, wait_until, wait_until_async};

const LIMIT: Duration = Duration::from_secs(90);

struct Place {
    dir: tempfile::TempDir,
    etcd: Etcd,
    /// gRPC of the tablet, MySQL.
    ports: u16,
}

impl Place {
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(bin_dir().join(name));
        command.env("VTDATAROOT", self.dir.path());
        command
    }

    fn socket(&self) -> String {
        self.dir.path().join("mysqlctl.sock").display().to_string()
    }

    fn topo_flags(&self) -> [String; 3] {
        [
            "--topo-implementation=etcd2".to_owned(),
            "--topo-global-root=/vitess/global".to_owned(),
            format!("--topo-global-server-address={}", self.etcd.address()),
        ]
    }

    fn vtctl(&self, args: &[&str]) -> Output {
        let mut command = self.program("vtctldclient");
        command.arg("--server=internal").args(self.topo_flags()).args(args).output().unwrap()
    }

    fn mysqlctld(&self) -> Process {
        let mut command = self.program("mysqlctld");
        command.args(["--tablet-uid=100", "--socket-file", &self.socket()]);
        command.arg(format!("--mysql-port={}", self.ports + 1));
        spawn(command, &self.dir.path().join("mysqlctld.log"))
    }

    /// Through mysqlctld, as an operator would.
    fn mysqlctl(&self, command: &str) {
        let out = self
            .program("mysqlctl")
            .args(["--tablet-uid=100", "--socket-file", &self.socket(), command])
            .output()
            .unwrap();
        assert!(out.status.success(), "{command}: {}", text(&out));
    }

    fn vttablet(&self, log: &str) -> Process {
        let mut command = self.program("vttablet");
        command.args(self.topo_flags()).args([
            "--tablet-path=zone1-100",
            "--init-keyspace=ks",
            "--init-shard=0",
            "--tablet-hostname=127.0.0.1",
        ]);
        command.arg(format!("--grpc-port={}", self.ports));
        command.arg(format!("--mysqlctl-socket={}", self.socket()));
        spawn(command, &self.dir.path().join(log))
    }

    fn record(&self) -> Tablet {
        Tablet {
            alias: Some(TabletAlias { cell: "zone1".into(), uid: 100 }),
            hostname: "127.0.0.1".into(),
            port_map: HashMap::from([("grpc".to_owned(), i32::from(self.ports))]),
            ..Tablet::default()
        }
    }

    /// One query of the query service at the primary: its only value.
    async fn query(&self, sql: &str) -> Result<String, String> {
        let client =
            QueryClient::new(&format!("127.0.0.1:{}", self.ports), &ChannelOptions::default()).unwrap();
        let target = Target {
            keyspace: "ks".into(),
            shard: "0".into(),
            tablet_type: TabletType::Primary as i32,
            ..Target::default()
        };
        let query = BoundQuery { sql: sql.to_owned(), ..BoundQuery::default() };
        let request =
            ExecuteRequest { target: Some(target), query: Some(query), ..ExecuteRequest::default() };
        let result = client.execute(request).await.map_err(|e| e.to_string())?.result.unwrap();
        Ok(String::from_utf8_lossy(&result.rows.first().map(|r| r.values.clone()).unwrap_or_default())
            .into_owned())
    }
}

/// Waits for a line in a process's log; at once a failure when the process ends.
fn wait_for_line(process: &mut Process, line: &str) {
    wait_until(line, LIMIT, || match process.ended() {
        Some(status) => panic!("it ended ({status}): {}", process.output()),
        None if process.output().contains(line) => Ok(()),
        None => Err(process.output()),
    });
}

async fn answers(place: &Place, sql: &str, wanted: &str) {
    let pause = async |time| tokio::time::sleep(time).await;
    wait_until_async(sql, LIMIT, pause, async || match place.query(sql).await {
        Ok(found) if found == wanted => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

/// Ends a mysqld that a mysqlctld which was killed left behind.
struct EndMysqld<'a>(&'a Path);

impl Drop for EndMysqld<'_> {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(self.0.join("vt_0000000100/mysql.pid")).unwrap_or_default();
        if let Ok(pid) = pid.trim().parse() {
            let _ended_already =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tablet_whose_mysqld_belongs_to_a_mysqlctld() {
    let place = Place { dir: temp_dir(), etcd: Etcd::start(), ports: free_ports(2) };
    let _end = EndMysqld(place.dir.path());
    let address = place.etcd.address();
    let cell = place.vtctl(&["AddCellInfo", "--root=/vitess/zone1", "--server-address", &address, "zone1"]);
    assert!(cell.status.success(), "{}", text(&cell));

    // The tablet is first: it waits, and says for what.
    let mut tablet = place.vttablet("vttablet-1.log");
    wait_for_line(&mut tablet, "waiting for mysqlctld");
    assert!(tablet.output().contains(&place.socket()), "{}", tablet.output());
    let mut mysqlctld = place.mysqlctld();
    wait_for_line(&mut tablet, "mysqlctld answers");
    wait_for_line(&mut tablet, "vttablet is up");
    assert!(mysqlctld.ended().is_none(), "{}", mysqlctld.output());
    let init = place.vtctl(&["InitShardPrimary", "--force", "ks/0", "zone1-0000000100"]);
    assert!(init.status.success(), "{}\n{}", text(&init), tablet.output());
    answers(&place, "select 40 + 2", "42").await;
    place.query("create table t (id int primary key)").await.unwrap();
    place.query("insert into t values (7)").await.unwrap();

    // It tells about the machine of its mysqld.
    let manager = GrpcTabletManagerClient::new(LIMIT);
    let metrics = manager.mysql_host_metrics(&place.record(), MysqlHostMetricsRequest {}).await.unwrap();
    let metrics = metrics.host_metrics.unwrap().metrics;
    assert!(metrics["loadavg"].error.is_none() && metrics["datadir-used-ratio"].value > 0.0, "{metrics:?}");

    // A tablet that starts has a mysqld that was stopped started.
    tablet.kill();
    place.mysqlctl("shutdown");
    let mut tablet = place.vttablet("vttablet-2.log");
    wait_for_line(&mut tablet, "vttablet is up");
    answers(&place, "select id from t", "7").await;

    // Without it the tablet goes on: it is needed for starting and stopping only.
    mysqlctld.kill();
    answers(&place, "select count(*) from t", "1").await;
}
