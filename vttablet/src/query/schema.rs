//! The schema of the tablet's database as text: what GetSchema answers, and what changed since the last look.
//!
//! A look lists the tables and asks for each one's CREATE statement; the comparison is of these texts
//! without the AUTO_INCREMENT counter, so that a change of any kind is seen and a plain INSERT is not.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use mysqlwire::client::{Conn, QueryOptions};
use proto::query::SchemaTableType;
use sqltypes::values;
use tokio::sync::Mutex;
use vterrors::{Condition, Error, Result};

use super::{
    bind::{backticked, quoted},
    pool::Pool,
};

/// The most tables that are looked at; a database with more is an error that says so.
pub const MAX_TABLES: usize = 1_000_000;

/// A table or a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    pub create: String,
    pub is_view: bool,
}

/// All tables and views by name.
pub type Definitions = BTreeMap<String, Definition>;

/// Names whose definition came, went or changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    pub tables: Vec<String>,
    pub views: Vec<String>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.views.is_empty()
    }

    /// What differs between two looks.
    pub fn between(old: &Definitions, new: &Definitions) -> Self {
        let mut changes = Self::default();
        let mut note = |name: &String, d: &Definition| match d.is_view {
            true => changes.views.push(name.clone()),
            false => changes.tables.push(name.clone()),
        };
        for (name, d) in new {
            if old.get(name) != Some(d) {
                note(name, d);
            }
        }
        for (name, d) in old {
            if !new.contains_key(name) {
                note(name, d);
            }
        }
        changes
    }
}

/// The last look. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Schema {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db_name: String,
    pool: Pool,
    last: ArcSwap<Definitions>,
    /// One look at a time.
    looking: Mutex<()>,
    limit: Duration,
}

impl Schema {
    /// `pool` gives connections of the dba; a look takes at most `limit`.
    pub fn new(db_name: &str, pool: Pool, limit: Duration) -> Self {
        let (last, looking) = (ArcSwap::default(), Mutex::new(()));
        Self { inner: Arc::new(Inner { db_name: db_name.to_owned(), pool, last, looking, limit }) }
    }

    /// Looks again; returns what changed.
    pub async fn reload(&self) -> Result<Changes> {
        let look = async {
            let _one = self.inner.looking.lock().await;
            let mut conn = self.inner.pool.get().await?;
            let new = read(&mut conn, &self.inner.db_name).await?;
            let old = self.inner.last.swap(Arc::new(new));
            Ok(Changes::between(&old, &self.inner.last.load()))
        };
        match tokio::time::timeout(self.inner.limit, look).await {
            Ok(done) => done,
            Err(_) => {
                let text = format!("the schema could not be read within {:?}", self.inner.limit);
                Err(Error::new(Condition::Timeout, text))
            }
        }
    }

    /// What the last look saw.
    pub fn definitions(&self) -> Arc<Definitions> {
        self.inner.last.load_full()
    }

    /// CREATE statements by name; all of the kind when `names` is empty.
    pub fn select(&self, kind: SchemaTableType, names: &[String]) -> Vec<(String, String)> {
        let wanted = |d: &Definition| match kind {
            SchemaTableType::Tables => !d.is_view,
            SchemaTableType::Views => d.is_view,
            SchemaTableType::All => true,
            SchemaTableType::Udfs => false,
        };
        let all = self.definitions();
        let pair = |(name, d): (&String, &Definition)| (name.clone(), d.create.clone());
        match names.is_empty() {
            true => all.iter().filter(|(_, d)| wanted(d)).map(pair).collect(),
            false => names
                .iter()
                .filter_map(|n| all.get_key_value(n))
                .filter(|(_, d)| wanted(d))
                .map(pair)
                .collect(),
        }
    }
}

async fn read(conn: &mut Conn, db_name: &str) -> Result<Definitions> {
    let sql = format!(
        "select table_name, table_type from information_schema.tables where table_schema = {} limit {}",
        quoted(db_name),
        MAX_TABLES + 1
    );
    let listed = conn.query(sql.as_bytes(), &QueryOptions::default()).await?;
    if listed.rows.len() > MAX_TABLES {
        let text = format!("database {db_name} has more than {MAX_TABLES} tables");
        return Err(Error::new(Condition::FailedPrecondition, text));
    }
    let mut all = Definitions::new();
    for row in &listed.rows {
        let mut texts = values(row).map(|v| String::from_utf8_lossy(v.unwrap_or_default()).into_owned());
        let (Some(name), Some(kind)) = (texts.next(), texts.next()) else { continue };
        if let Some(create) = show_create(conn, db_name, &name).await? {
            let is_view = kind == "VIEW";
            all.insert(name, Definition { create: normalise(&create, is_view, db_name), is_view });
        }
    }
    Ok(all)
}

/// `None` for a table that was dropped since it was listed, and for a view that is broken.
pub async fn show_create(conn: &mut Conn, db_name: &str, name: &str) -> Result<Option<String>> {
    let sql = format!("show create table {}.{}", backticked(db_name), backticked(name));
    let result = match conn.execute(&sql).await {
        Ok(result) => result,
        Err(e) if matches!(e.errno(), 1146 | 1356 | 1449) => return Ok(None),
        Err(e) => return Err(e),
    };
    let create = result.rows.first().and_then(|row| values(row).nth(1).flatten().map(<[u8]>::to_vec));
    Ok(create.map(|c| String::from_utf8_lossy(&c).into_owned()))
}

/// Without what changes by itself (the counter), and for a view without the database's name.
pub fn normalise(create: &str, is_view: bool, db_name: &str) -> String {
    if is_view {
        return create.replace(&format!("{}.", backticked(db_name)), "");
    }
    // The counter stands among the options behind the last parenthesis of the columns.
    let Some(options) = create.rfind("\n)") else { return create.to_owned() };
    let Some(at) = create[options..].find(" AUTO_INCREMENT=").map(|n| options + n) else {
        return create.to_owned();
    };
    let digits = at + " AUTO_INCREMENT=".len();
    let end = create[digits..].find(|c: char| !c.is_ascii_digit()).map_or(create.len(), |n| digits + n);
    format!("{}{}", &create[..at], &create[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_no_change() {
        let create = "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `c` varchar(9) DEFAULT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4";
        let without = "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `c` varchar(9) DEFAULT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";
        assert_eq!(normalise(create, false, "vt_ks"), without);
        assert_eq!(normalise(without, false, "vt_ks"), without);
        assert_eq!(
            normalise("CREATE VIEW `v` AS select `vt_ks`.`t`.`id` from `vt_ks`.`t`", true, "vt_ks"),
            "CREATE VIEW `v` AS select `t`.`id` from `t`"
        );
    }

    #[test]
    fn what_came_went_or_changed() {
        let d = |create: &str, is_view| Definition { create: create.into(), is_view };
        let old = Definitions::from([
            ("a".into(), d("1", false)),
            ("b".into(), d("1", false)),
            ("v".into(), d("1", true)),
        ]);
        let new = Definitions::from([
            ("a".into(), d("1", false)),
            ("b".into(), d("2", false)),
            ("c".into(), d("1", false)),
        ]);
        let changes = Changes::between(&old, &new);
        assert_eq!(changes, Changes { tables: vec!["b".into(), "c".into()], views: vec!["v".into()] });
        assert!(Changes::between(&new, &new).is_empty());
    }
}
