//! The schema of the tablet's database as text: what GetSchema answers, and what changed since the last look.
//!
//! A look lists the tables and asks for the CREATE statement of those alone that the list does not show to be as
//! they were ([`read::Mark`]); so a look costs what changed. The comparison is of the statements without the
//! AUTO_INCREMENT counter, so that a change of any kind is seen and a plain INSERT is not. Views are few, and
//! nothing tells when one was changed: they are read every time.
//!
//! A look that runs out of time keeps what it has read: the next one goes on from there.

pub mod read;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
    time::Duration,
};

use arc_swap::ArcSwap;
use mysqlwire::client::Conn;
use proto::query::{Field, SchemaTableType};
use tokio::sync::Mutex;
use vterrors::{Condition, Error, Result};

use self::read::{Listed, Mark, normalise, show_create};
use super::pool::Pool;

/// A table or a view.
#[derive(Debug, Clone, Default)]
pub struct Definition {
    pub create: String,
    pub is_view: bool,
    /// The columns of a table, once somebody asked for them: they change only with its text.
    fields: OnceLock<Vec<Field>>,
}

impl Definition {
    pub fn new(create: String, is_view: bool) -> Self {
        Self { create, is_view, fields: OnceLock::new() }
    }

    /// The columns if they are known; never for a view, whose columns are those of other tables.
    pub fn fields(&self) -> Option<&[Field]> {
        self.fields.get().map(Vec::as_slice)
    }

    pub fn learn_fields(&self, fields: &[Field]) {
        if !self.is_view {
            self.fields.get_or_init(|| fields.to_vec());
        }
    }
}

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        (&self.create, self.is_view) == (&other.create, other.is_view)
    }
}

impl Eq for Definition {}

/// All tables and views by name.
pub type Definitions = BTreeMap<String, Arc<Definition>>;

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
        let mut note = |name: &String, d: &Arc<Definition>| match d.is_view {
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
    /// What is known; one look at a time.
    known: Mutex<Known>,
    limit: Duration,
}

/// What the looks have read so far, of each table.
#[derive(Debug, Default)]
struct Known(HashMap<String, Read>);

/// A definition as it was read.
#[derive(Debug)]
struct Read {
    mark: Mark,
    /// The server's time when the look began that read it, in seconds.
    at: u64,
    definition: Arc<Definition>,
}

impl Known {
    /// The definition of a table that is as it was. One that changed in the second in which it was read, or later,
    /// may have changed behind that.
    fn unchanged(&self, table: &Listed) -> Option<&Arc<Definition>> {
        let read = self.0.get(&table.name)?;
        let same = read.mark == table.mark && table.mark.changed_at < read.at;
        (same && !table.is_view && !read.definition.is_view).then_some(&read.definition)
    }
}

impl Schema {
    /// `pool` gives connections of the dba; a look takes at most `limit`.
    pub fn new(db_name: &str, pool: Pool, limit: Duration) -> Self {
        let (last, known) = (ArcSwap::default(), Mutex::default());
        Self { inner: Arc::new(Inner { db_name: db_name.to_owned(), pool, last, known, limit }) }
    }

    /// Looks again; returns what changed.
    pub async fn reload(&self) -> Result<Changes> {
        let look = async {
            let mut known = self.inner.known.lock().await;
            let mut conn = self.inner.pool.get().await?;
            let new = look(&mut conn, &self.inner.db_name, &mut known).await?;
            let old = self.inner.last.swap(Arc::new(new));
            Ok(Changes::between(&old, &self.inner.last.load()))
        };
        match tokio::time::timeout(self.inner.limit, look).await {
            Ok(done) => done,
            Err(_) => {
                let text = format!(
                    "the schema could not be read within {:?}; the next look goes on from there",
                    self.inner.limit
                );
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
        let wanted = |d: &Arc<Definition>| match kind {
            SchemaTableType::Tables => !d.is_view,
            SchemaTableType::Views => d.is_view,
            SchemaTableType::All => true,
            SchemaTableType::Udfs => false,
        };
        let all = self.definitions();
        let pair = |(name, d): (&String, &Arc<Definition>)| (name.clone(), d.create.clone());
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

/// Everything as it is now; what is not known is read, and is known from then on.
async fn look(conn: &mut Conn, db_name: &str, known: &mut Known) -> Result<Definitions> {
    let list = read::list(conn, db_name).await?;
    let mut all = Definitions::new();
    for table in list.tables {
        if let Some(definition) = known.unchanged(&table) {
            all.insert(table.name, Arc::clone(definition));
            continue;
        }
        let Some(create) = show_create(conn, db_name, &table.name).await? else { continue };
        let read = Arc::new(Definition::new(normalise(&create, table.is_view, db_name), table.is_view));
        // The same text again keeps what is known of its columns.
        let kept = known.0.get(&table.name).map(|read| &read.definition).filter(|d| **d == read);
        let definition = kept.map_or(read, Arc::clone);
        let read = Read { mark: table.mark, at: list.now, definition: Arc::clone(&definition) };
        known.0.insert(table.name.clone(), read);
        all.insert(table.name, definition);
    }
    known.0.retain(|name, _| all.contains_key(name));
    Ok(all)
}

#[cfg(test)]
mod tests;
