//! The steps of `up`, each of which does nothing where its effect is there already.

use std::{fs, time::Duration};

use futures::future::try_join_all;
use mysql_async::prelude::Queryable;
use mysqlctl::{CnfOptions, Mycnf, Mysqld, mysql_error, process::Deadline};
use vterrors::{Condition, Error, Result};

use super::{Up, mysqld_name};
use crate::{
    plan::{CellPlan, ProcessPlan, TabletPlan},
    sample, sql,
    state::Recorded,
    supervise,
    tls::TlsDir,
};

/// How long a process may take until it answers.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How long initialising a mysqld may take on a machine that is busy with six of them.
const MYSQLD_LIMIT: Duration = Duration::from_secs(180);
/// How long a former primary may take to take its office again.
const PRIMARY_LIMIT: Duration = Duration::from_secs(15);
/// How long vtorc may take to elect a new shard's primary before it is done here.
const ELECTION_LIMIT: Duration = Duration::from_secs(10);
/// How long vtgate may take to see the tablets and answer.
const QUERY_LIMIT: Duration = Duration::from_secs(60);

impl Up {
    pub(super) async fn start_etcd(&mut self) -> Result<()> {
        let plans: Vec<ProcessPlan> = self.plan.etcds().cloned().collect();
        self.start_all(&plans).await
    }

    /// A cell's records lie in its own etcd, or, in a cluster of one cell, below a root of its own in the global one.
    pub(super) async fn add_cells(&mut self) -> Result<()> {
        let known = self.vtctl_internal(&["GetCellInfoNames"]).await?;
        for cell in &self.plan.cells {
            let name = &cell.name;
            if known.lines().any(|line| line.trim() == name) {
                continue;
            }
            let root = format!("--root=/vitess/{name}");
            let address = format!("--server-address={}", cell.etcd_address);
            self.vtctl_internal(&["AddCellInfo", &root, &address, name]).await?;
            self.say(&format!("cell {name} added"));
        }
        Ok(())
    }

    /// Keyspaces with a durability policy of their own are made before a tablet makes them with the default one.
    pub(super) async fn create_keyspaces(&mut self) -> Result<()> {
        let Some(policy) = self.state.spec.durability_policy.clone() else { return Ok(()) };
        let policy = format!("--durability-policy={policy}");
        let known = self.vtctl_internal(&["GetKeyspaces", "--compact"]).await?;
        let known: serde_json::Value = serde_json::from_str(&known)
            .map_err(|e| Error::internal(format!("GetKeyspaces did not print JSON: {e}: {known}")))?;
        for (keyspace, _) in &self.plan.spec.keyspaces {
            if known.as_array().into_iter().flatten().all(|k| k["name"] != keyspace.as_str()) {
                self.vtctl_internal(&["CreateKeyspace", &policy, keyspace]).await?;
            }
        }
        Ok(())
    }

    /// The mysqlds and vtctld, which need nothing of each other.
    pub(super) async fn start_servers(&mut self) -> Result<()> {
        let vtctld = self.plan.vtctld.clone();
        let missing: Vec<TabletPlan> = (self.plan.tablets.iter())
            .filter(|t| self.state.running(&mysqld_name(t.uid)).is_none())
            .cloned()
            .collect();
        let mut servers = Vec::new();
        for tablet in &missing {
            let mysqld = self.mysqld(tablet.uid)?;
            if !mysqld.is_initialized() {
                self.made.push(tablet.uid);
            }
            servers.push((mysqld, tablet.process.place.host.clone()));
        }
        if !servers.is_empty() {
            let version = &self.binaries.version;
            self.say(&format!(
                "starting {} mysqlds ({version}, {})",
                servers.len(),
                self.binaries.mysqld.display()
            ));
        }
        let tls = self.plan.tls.as_ref();
        let starting = servers.into_iter().map(|(mysqld, host)| start_mysqld(mysqld, host, tls));
        let starting = try_join_all(starting).await;
        // Recorded whether all came up or not: what runs has to be found again.
        self.state.find_mysqlds(&self.plan);
        self.started.extend(missing.iter().map(|t| mysqld_name(t.uid)));
        starting?;
        if !missing.is_empty() {
            self.say("mysqlds are up");
        }
        self.state.write(&self.plan.data_dir)?;
        self.start_all(&[vtctld]).await
    }

    pub(super) fn mysqld(&self, uid: u32) -> Result<Mysqld> {
        let tablet = self.plan.tablets.iter().find(|t| t.uid == uid);
        let (port, launcher) = tablet.map_or((0, &[][..]), |t| (t.mysql_port, &t.process.place.launcher));
        let mysqld = Mysqld::new(Mycnf::new(&self.plan.data_dir, uid, port, None), self.binaries.clone())?;
        Ok(mysqld.with_launcher(launcher))
    }

    /// The vttablets, with the mysqlctlds that they may ask to start mysqld again.
    pub(super) async fn start_tablets(&mut self) -> Result<()> {
        let mysqlctlds: Vec<ProcessPlan> = self.plan.mysqlctlds().cloned().collect();
        self.start_all(&mysqlctlds).await?;
        let plans: Vec<ProcessPlan> = self.plan.tablets.iter().map(|t| t.process.clone()).collect();
        self.start_all(&plans).await
    }

    /// vtorc, where the cluster has one: after the tablets, which it would take for dead while they start.
    pub(super) async fn start_vtorc(&mut self) -> Result<()> {
        let plan: Vec<ProcessPlan> = self.plan.vtorcs().cloned().collect();
        self.start_all(&plan).await
    }

    /// Each shard gets the primary it had, or its first tablet; all shards at the same time.
    pub(super) async fn elect_primaries(&mut self) -> Result<()> {
        let first = self.plan.tablets.iter().filter(|t| t.first);
        try_join_all(first.map(|tablet| self.elect_primary(tablet))).await.map(drop)
    }

    async fn elect_primary(&self, first: &TabletPlan) -> Result<()> {
        let shard = format!("{}/{}", first.keyspace, first.shard);
        let recorded = self.recorded_primary(&shard).await?;
        let known = |alias: &String| self.plan.tablets.iter().find(|t| t.alias == *alias);
        let primary = recorded.as_ref().and_then(known).unwrap_or(first);
        if recorded.is_some() && becomes_primary(&primary.process, PRIMARY_LIMIT).await {
            return Ok(());
        }
        // vtorc elects the first primary of a new shard, and chooses as is done below.
        if recorded.is_none() && self.plan.vtorcs().next().is_some() && self.elected(&shard).await {
            return Ok(());
        }
        self.vtctl(&["PlannedReparentShard", "--new-primary", &primary.alias, &shard]).await?;
        self.say(&format!("{} is the primary of {shard}", primary.alias));
        Ok(())
    }

    /// Whether vtorc gives a new shard its primary soon.
    async fn elected(&self, shard: &str) -> bool {
        let deadline = Deadline::after(ELECTION_LIMIT);
        loop {
            let recorded = self.recorded_primary(shard).await.ok().flatten();
            let tablet = self.plan.tablets.iter().find(|t| Some(&t.alias) == recorded.as_ref());
            if let Some(tablet) = tablet
                && becomes_primary(&tablet.process, ELECTION_LIMIT).await
            {
                self.say(&format!("{} is the primary of {shard}, elected by vtorc", tablet.alias));
                return true;
            }
            if !deadline.pause().await {
                return false;
            }
        }
    }

    /// The alias in the shard's record.
    async fn recorded_primary(&self, shard: &str) -> Result<Option<String>> {
        let text = self.vtctl(&["GetShard", shard]).await?;
        let record: serde_json::Value = serde_json::from_str(&text)
            .map_err(|e| Error::internal(format!("GetShard {shard} did not print JSON: {e}: {text}")))?;
        let alias = &record["shard"]["primary_alias"];
        Ok(match (alias["cell"].as_str(), alias["uid"].as_u64()) {
            (Some(cell), Some(uid)) => Some(format!("{cell}-{uid:010}")),
            _ => None,
        })
    }

    pub(super) async fn apply_schemas(&mut self) -> Result<()> {
        if self.state.loaded {
            return Ok(());
        }
        if !self.plan.spec.sample {
            return self.mark_sharded().await;
        }
        let dir = self.plan.data_dir.join("sample");
        for part in sample::KEYSPACES {
            let file = |name: &str, text: &str| -> Result<String> {
                let path = dir.join(name);
                fs::create_dir_all(&dir)
                    .and_then(|()| fs::write(&path, text))
                    .map_err(|e| Error::internal(format!("cannot write {}: {e}", path.display())))?;
                Ok(path.display().to_string())
            };
            let schema = file(&format!("{}.sql", part.keyspace), part.schema)?;
            let vschema = file(&format!("{}.json", part.keyspace), part.vschema)?;
            self.vtctl(&["ApplySchema", "--sql-file", &schema, part.keyspace]).await?;
            self.vtctl(&["ApplyVSchema", "--vschema-file", &vschema, part.keyspace]).await?;
            self.say(&format!("schema of {} applied", part.keyspace));
        }
        Ok(())
    }

    /// A keyspace of several shards says so in its VSchema; tables and vindexes are the user's to add.
    async fn mark_sharded(&self) -> Result<()> {
        for (keyspace, shards) in &self.plan.spec.keyspaces {
            if shards.len() > 1 {
                self.vtctl(&["ApplyVSchema", "--vschema", r#"{"sharded": true}"#, keyspace]).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn start_vtgate(&mut self) -> Result<()> {
        let users = self.plan.users_file();
        // One user without a password, for a server that only this machine reaches.
        let text = "{\n  \"user\": [{ \"Password\": \"\", \"UserData\": \"user\" }]\n}\n";
        if !users.exists() {
            fs::write(&users, text)
                .map_err(|e| Error::internal(format!("cannot write {}: {e}", users.display())))?;
        }
        let plans: Vec<ProcessPlan> = self.plan.vtgates().cloned().collect();
        self.start_all(&plans).await
    }

    /// The sample rows, then a query that has to be answered.
    pub(super) async fn load(&mut self) -> Result<()> {
        let deadline = Deadline::after(QUERY_LIMIT);
        for cell in &self.plan.cells {
            while let Err(e) = self.first_query(cell).await {
                if !deadline.pause().await {
                    let what = format!("did not answer a query within {QUERY_LIMIT:?} ({e})");
                    return Err(supervise::failed(&cell.vtgate.name, &what, &cell.vtgate.log));
                }
            }
        }
        if self.plan.spec.sample && !self.state.loaded {
            let mut conn = sql::connect(&self.plan, &self.plan.cells[0], None).await?;
            for statement in mysqlctl::initsql::statements(sample::ROWS) {
                conn.query_drop(statement.as_str())
                    .await
                    .map_err(|e| mysql_error(e).context(format!("loading the sample rows: {statement}")))?;
            }
            self.say("sample rows loaded");
        }
        self.state.loaded = true;
        self.say("the cluster answers queries");
        Ok(())
    }

    /// A query that reaches every shard of every keyspace's primary.
    async fn first_query(&self, cell: &CellPlan) -> Result<()> {
        let mut conn = sql::connect(&self.plan, cell, None).await?;
        for (keyspace, shards) in &self.plan.spec.keyspaces {
            for shard in shards {
                conn.query_drop(format!("USE `{keyspace}:{shard}`")).await.map_err(mysql_error)?;
                conn.query_drop("SELECT 1 FROM dual").await.map_err(mysql_error)?;
            }
        }
        Ok(())
    }

    /// Starts those of the processes that do not run, all at once, and waits for each.
    async fn start_all(&mut self, plans: &[ProcessPlan]) -> Result<()> {
        let mut children = Vec::new();
        for plan in plans {
            if self.state.running(&plan.name).is_some() {
                continue;
            }
            let child = supervise::start(plan, &self.programs.path(plan.program), &self.plan.data_dir)?;
            let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
            if let Some(recorded) = Recorded::of(&plan.name, pid, &plan.ports, &plan.log) {
                self.started.push(plan.name.clone());
                self.state.add(recorded);
            }
            children.push((plan, child));
        }
        let names: Vec<String> = children.iter().map(|(plan, _)| plan.name.clone()).collect();
        self.state.write(&self.plan.data_dir)?;
        try_join_all(
            children.iter_mut().map(|(plan, child)| supervise::wait_ready(plan, child, READY_LIMIT)),
        )
        .await?;
        if !names.is_empty() {
            self.say(&format!("{} up", names.join(", ")));
        }
        Ok(())
    }
}

/// Starts a mysqld, initialising it first where there is nothing yet.
async fn start_mysqld(mut mysqld: Mysqld, host: String, tls: Option<&TlsDir>) -> Result<()> {
    if mysqld.is_initialized() {
        return mysqld.start(&[], MYSQLD_LIMIT).await;
    }
    let uid = mysqld.cnf().uid;
    let options = CnfOptions {
        performance_schema: Some(false),
        report_host: Some(host.clone()),
        bind_address: Some(host),
        // Each server takes thousands of the kernel's asynchronous requests (fs.aio-max-nr is 65,536 for all): with
        // a few clusters beside each other the next mysqld would not start.
        extra: [vec!["innodb_use_native_aio = 0".into()], tls.map_or_else(Vec::new, |tls| tls.my_cnf(uid))]
            .concat(),
        ..CnfOptions::default()
    };
    mysqld.init(&options, None, MYSQLD_LIMIT).await.map_err(|e| match e.condition() {
        Condition::Mysql => e.context(mysqld_name(uid)),
        _ => e,
    })
}

/// Whether a tablet takes the primary's office within the limit.
async fn becomes_primary(vttablet: &ProcessPlan, limit: Duration) -> bool {
    let deadline = Deadline::after(limit);
    while tablet_type(vttablet).await.as_deref() != Some("primary") {
        if !deadline.pause().await {
            return false;
        }
    }
    true
}

/// What a tablet says it is, in lower case.
pub(crate) async fn tablet_type(vttablet: &ProcessPlan) -> Option<String> {
    let vars = supervise::http_get(vttablet.http(), "/debug/vars").await?;
    let vars: serde_json::Value = serde_json::from_str(&vars).ok()?;
    Some(vars["TabletType"].as_str()?.to_ascii_lowercase())
}
