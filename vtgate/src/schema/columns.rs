//! Schema tracking: the columns and unique keys of each keyspace's tables, read from the primary of its first shard when a
//! tablet says that its schema changed, when a schema change goes through this gate, and when a statement
//! names something that is not known.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::StreamExt;
use proto::query as q;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tracing::{debug, warn};
use vschema::{Column, ColumnDefault};
use vterrors::{Condition, Error, Result};
use vtmodel::{TabletAlias, TabletType, Target};

use super::{Found, Schema, TrackedTables, Wish};
use crate::gateway::Gateway;

/// At most one look at a keyspace in this time: statements that name unknown things must not become a load.
const MIN_INTERVAL: Duration = Duration::from_millis(500);
/// How long a look may take.
const LOOK_LIMIT: Duration = Duration::from_secs(30);
/// The most columns of one keyspace that are kept; past that its tables have no column lists.
const MAX_COLUMNS: usize = 5_000_000;

const COLUMNS: &str = "select table_name, column_name, data_type, column_type, collation_name, extra, \
     is_nullable, column_default from information_schema.columns where table_schema = database() order by table_name, ordinal_position";

/// Keys over parts of columns or over expressions make no column unique: those with any such part are left
/// out by the NULL in its place.
const UNIQUE_KEYS: &str = "select table_name, index_name, \
     if(sub_part is null, column_name, null) from information_schema.statistics \
     where table_schema = database() and non_unique = 0 \
     order by table_name, index_name <> 'PRIMARY', index_name, seq_in_index";

/// Views, as MySQL keeps them: with the tablet's database in every name.
const VIEWS: &str = "select table_name, view_definition, database() from information_schema.views \
     where table_schema = database()";

/// Which tablet's schema was read, and in which state of it.
type Mark = (TabletAlias, u64);

/// Runs until every handle on the schema is gone.
pub(super) async fn track(schema: Schema, gateway: Arc<Gateway>, mut wished: mpsc::Receiver<Wish>) {
    let mut marks: BTreeMap<String, Mark> = BTreeMap::new();
    // When the last look at each keyspace began.
    let mut last: BTreeMap<String, Instant> = BTreeMap::new();
    let mut changes = gateway.discovery().subscribe();
    let mut next_round = Instant::now();
    loop {
        // With thousands of tablets some of them have news all the time.
        let news = async {
            tokio::time::sleep_until(next_round).await;
            changes.changed().await
        };
        let wish = tokio::select! {
            wish = wished.recv() => match wish {
                Some(wish) => Some(wish),
                None => return,
            },
            changed = news => match changed {
                Ok(()) => None,
                Err(_) => return,
            },
        };
        match wish {
            Some(Wish { keyspace, at, done }) => {
                // A look that began after the wish has what is wished for.
                let begun = last.get(&keyspace).copied();
                if begun.is_none_or(|begun| begun < at) {
                    if let Some(begun) = begun {
                        tokio::time::sleep_until(begun + MIN_INTERVAL).await;
                    }
                    last.insert(keyspace.clone(), Instant::now());
                    look(&schema, &gateway, &keyspace).await;
                }
                // Nobody may wait any more.
                let _ = done.send(());
            }
            None => {
                next_round = Instant::now() + MIN_INTERVAL;
                let keyspaces: Vec<String> = schema.layout().keyspaces().map(str::to_owned).collect();
                let changed = keyspaces.into_iter().filter_map(|keyspace| {
                    let mark = mark_of(&schema, &gateway, &keyspace)?;
                    (marks.get(&keyspace) != Some(&mark)).then_some((keyspace, mark))
                });
                let changed: Vec<(String, Mark)> = changed.collect();
                let begun = Instant::now();
                last.extend(changed.iter().map(|(keyspace, _)| (keyspace.clone(), begun)));
                let (schema, gateway) = (&schema, &gateway);
                let looks = futures::stream::iter(changed).map(|(keyspace, mark)| async move {
                    look(schema, gateway, &keyspace).await.then_some((keyspace, mark))
                });
                let seen: Vec<_> = looks.buffer_unordered(super::FOUND_AT_ONCE).collect().await;
                marks.extend(seen.into_iter().flatten());
            }
        }
    }
}

fn first_primary(schema: &Schema, keyspace: &str) -> Option<Target> {
    let shards = schema.layout().shards(keyspace, TabletType::Primary).ok()?;
    let first = shards.all().first()?;
    Some(Target::new(keyspace, &*first.name, TabletType::Primary))
}

fn mark_of(schema: &Schema, gateway: &Gateway, keyspace: &str) -> Option<Mark> {
    let target = first_primary(schema, keyspace)?;
    let serving = gateway.discovery().snapshot().serving(&target);
    serving.first().map(|t| (t.alias.clone(), t.schema_version))
}

/// Reads a keyspace's columns and hands them to the layout; `false` when they could not be read.
async fn look(schema: &Schema, gateway: &Gateway, keyspace: &str) -> bool {
    let Some(target) = first_primary(schema, keyspace) else { return false };
    if gateway.discovery().snapshot().serving(&target).is_empty() {
        return false;
    }
    let read = tokio::time::timeout(LOOK_LIMIT, read(gateway, &target)).await;
    let tables = match read {
        Ok(Ok(tables)) => tables,
        Ok(Err(e)) => {
            warn!(keyspace, "cannot read the columns of its tables: {e}");
            return false;
        }
        Err(_) => {
            warn!(keyspace, "reading the columns of its tables took longer than {LOOK_LIMIT:?}");
            return false;
        }
    };
    debug!(keyspace, tables = tables.len(), "columns read");
    let (done, wait) = oneshot::channel();
    let found = Found { keyspace: keyspace.to_owned(), tables, done };
    schema.found.send(found).await.is_ok() && wait.await.is_ok()
}

/// A row's values as text.
type Texts<'a> = &'a mut dyn FnMut() -> Option<String>;

async fn read(gateway: &Gateway, target: &Target) -> Result<TrackedTables> {
    let mut tables = TrackedTables::new();
    each_row(gateway, target, COLUMNS, &mut |next| {
        let (Some(table), Some(name)) = (next(), next()) else { return };
        let (data_type, column_type) = (next().unwrap_or_default(), next().unwrap_or_default());
        let (collation, extra, nullable) = (next(), next(), next().as_deref() == Some("YES"));
        let ty = sqltypes::type_of_name(&data_type, column_type.contains("unsigned"));
        let extra = extra.unwrap_or_default().to_uppercase();
        // (DEFAULT_GENERATED is a default, which may be overridden.)
        let generated = extra.contains("VIRTUAL GENERATED") || extra.contains("STORED GENERATED");
        let invisible = extra.contains("INVISIBLE");
        let default = default_of(next(), nullable, &extra);
        let definition = Some(definition(&column_type, collation.as_deref(), nullable));
        let column = Column { name, ty, collation, invisible, definition, generated, default };
        tables.entry(table).or_default().columns.push(column);
    })
    .await?;
    let mut keys: BTreeMap<(String, bool, String), Option<Vec<String>>> = BTreeMap::new();
    each_row(gateway, target, UNIQUE_KEYS, &mut |next| {
        let (Some(table), Some(name)) = (next(), next()) else { return };
        let key = keys.entry((table, name != "PRIMARY", name)).or_insert_with(|| Some(Vec::new()));
        match next() {
            Some(column) => key.iter_mut().for_each(|k| k.push(column.clone())),
            None => *key = None,
        }
    })
    .await?;
    for ((table, ..), key) in keys {
        if let Some(table) = tables.get_mut(&table) {
            table.unique_keys.extend(key);
        }
    }
    each_row(gateway, target, VIEWS, &mut |next| {
        let (Some(name), Some(definition), Some(database)) = (next(), next(), next()) else { return };
        // Without the right to see it the definition is empty.
        if let (Some(view), false) = (tables.get_mut(&name), definition.is_empty()) {
            view.view = Some(definition.replace(&format!("`{database}`."), ""));
        }
    })
    .await?;
    Ok(tables)
}

async fn each_row(
    gateway: &Gateway,
    target: &Target,
    sql: &str,
    take: &mut (dyn FnMut(Texts<'_>) + Send),
) -> Result<()> {
    let request = q::StreamExecuteRequest {
        target: Some(target.into()),
        query: Some(q::BoundQuery { sql: sql.to_owned(), ..q::BoundQuery::default() }),
        ..q::StreamExecuteRequest::default()
    };
    let request = &request;
    let mut stream =
        gateway.run(target, || 0, |t| async move { t.service.stream_execute(request.clone()).await }).await?;
    let mut count = 0;
    while let Some(message) = stream.next().await {
        for row in message?.result.unwrap_or_default().rows {
            count += 1;
            if count > MAX_COLUMNS {
                return Err(Error::new(
                    Condition::TooManyRows,
                    format!("more than {MAX_COLUMNS} columns in keyspace {}", target.keyspace),
                ));
            }
            let mut values = sqltypes::values(&row).map(|v| v.map(String::from_utf8_lossy));
            take(&mut || values.next().flatten().map(std::borrow::Cow::into_owned));
        }
    }
    Ok(())
}

/// What `information_schema` says of a default: MySQL gives a value as plain text and marks expressions, MariaDB
/// gives it as SQL.
fn default_of(text: Option<String>, nullable: bool, extra: &str) -> ColumnDefault {
    // A word without quotes is a text of MySQL; MariaDB's functions have parentheses.
    let plain = |t: &str| t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._ ".contains(&b));
    match text {
        _ if extra.contains("DEFAULT_GENERATED") || extra.contains("AUTO_INCREMENT") => {
            ColumnDefault::Unknown
        }
        None if nullable => ColumnDefault::Null,
        None => ColumnDefault::Missing,
        Some(text) if text == "NULL" && nullable => ColumnDefault::Null,
        Some(text) if plain(&text) => ColumnDefault::Value(text),
        Some(text) => match text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
            Some(inner) if !inner.contains(['\'', '\\']) => ColumnDefault::Value(inner.to_owned()),
            _ => ColumnDefault::Unknown,
        },
    }
}

/// A column's type as CREATE TABLE takes it.
fn definition(column_type: &str, collation: Option<&str>, nullable: bool) -> String {
    let collate = collation.map(|c| format!(" collate {c}")).unwrap_or_default();
    // A TIMESTAMP without a word of it may be NOT NULL.
    format!("{column_type}{collate}{}", if nullable { " null" } else { " not null" })
}
