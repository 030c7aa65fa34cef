//! The resolved VSchema: immutable, every reference checked, every table findable by name.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use proto::{topodata::TabletType, vschema::keyspace::ForeignKeyMode};
use vterrors::{Condition, Error, Result};

use crate::{ColumnType, KeyColumn, Problem, Vindex};

/// All keyspaces as served to a cell's vtgates.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VSchema {
    pub(crate) keyspaces: BTreeMap<String, Arc<Keyspace>>,
    /// Tables by bare name: none where two keyspaces have the name.
    pub(crate) global_tables: HashMap<String, Option<Arc<Table>>>,
    /// `[keyspace.]table[@type]` to targets `keyspace.table`.
    pub(crate) routing_rules: HashMap<String, Vec<String>>,
    pub(crate) keyspace_routing_rules: HashMap<String, String>,
    /// (keyspace, shard) to keyspace.
    pub(crate) shard_routing_rules: HashMap<(String, String), String>,
    pub(crate) problems: Vec<Problem>,
}

/// A keyspace's part of the VSchema.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyspace {
    pub name: String,
    pub sharded: bool,
    pub tables: BTreeMap<String, Arc<Table>>,
    pub vindexes: BTreeMap<String, Arc<Vindex>>,
    /// Its tables are found only when the keyspace is named.
    pub require_explicit_routing: bool,
    pub foreign_key_mode: ForeignKeyMode,
}

/// A table and what places its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub keyspace: String,
    pub name: String,
    /// Whether its keyspace is sharded.
    pub sharded: bool,
    pub kind: TableKind,
    /// The first one is the primary vindex. Empty for tables that are not sharded by a column.
    pub column_vindexes: Vec<ColumnVindex>,
    pub auto_increment: Option<AutoIncrement>,
    pub columns: Vec<Column>,
    /// `columns` is all the columns there are.
    pub column_list_authoritative: bool,
    /// The columns of its primary key, then of each other unique key; empty where not known.
    pub unique_keys: Vec<Vec<String>>,
    /// All rows are at this keyspace id.
    pub pinned: Option<Vec<u8>>,
}

/// The columns of a vindex that is read as a table.
pub const VINDEX_COLUMNS: [&str; 6] =
    ["id", "keyspace_id", "range_start", "range_end", "hex_keyspace_id", "shard"];

/// The longest value in such a column. MySQL allows 65,535 bytes in a row.
pub const VINDEX_COLUMN_BYTES: usize = 8192;

/// What a table is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableKind {
    Normal,
    /// Gives numbers (`select next ... values`).
    Sequence,
    /// The same rows on every shard; `source` is the table that is written, where it is another.
    Reference {
        source: Option<(String, String)>,
    },
    /// A view of a sharded keyspace: the text of its query, with the names of tables but not of databases.
    View {
        definition: String,
    },
    /// No table, but a vindex that is asked where values are: see [`Table::of_vindex`].
    Vindex,
}

/// A vindex on columns of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnVindex {
    /// The vindex's name in the keyspace.
    pub name: String,
    /// As the VSchema spells them.
    pub columns: Vec<String>,
    pub vindex: Arc<Vindex>,
    /// A lookup whose entries live and die with this table's rows.
    pub owned: bool,
}

/// A column whose values come from a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoIncrement {
    pub column: String,
    pub sequence_keyspace: String,
    pub sequence_table: String,
}

/// A column as far as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// None where the VSchema does not say.
    pub ty: Option<ColumnType>,
    pub collation: Option<String>,
    pub invisible: bool,
    /// Its type as CREATE TABLE takes it, with collation and nullability; known only by schema tracking.
    pub definition: Option<String>,
    /// MySQL computes it: no statement may give it a value. Known only by schema tracking.
    pub generated: bool,
    pub default: ColumnDefault,
}

/// What a row has in a column to which a statement gives no value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ColumnDefault {
    /// Not known to schema tracking, or an expression.
    #[default]
    Unknown,
    /// NOT NULL without a default: the statement is an error.
    Missing,
    Null,
    /// As MySQL prints it, without quotes.
    Value(String),
}

/// A table as schema tracking found it on a tablet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrackedTable {
    pub columns: Vec<Column>,
    /// As [`Table::unique_keys`].
    pub unique_keys: Vec<Vec<String>>,
    /// Of a view the text of its query, as [`TableKind::View`] has it.
    pub view: Option<String>,
}

impl Table {
    /// `keyspace.table`
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.keyspace, self.name)
    }

    /// A column by name; MySQL ignores letter case in column names.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// The type of a column where it is known.
    pub fn column_type(&self, name: &str) -> Option<ColumnType> {
        self.column(name).and_then(|c| c.ty)
    }

    /// The vindex that decides a row's shard.
    pub fn primary_vindex(&self) -> Option<&ColumnVindex> {
        self.column_vindexes.first()
    }

    pub fn is_reference(&self) -> bool {
        matches!(self.kind, TableKind::Reference { .. })
    }

    pub fn is_sequence(&self) -> bool {
        self.kind == TableKind::Sequence
    }

    /// The lookup vindexes whose entries belong to this table's rows.
    pub fn owned_vindexes(&self) -> impl Iterator<Item = &ColumnVindex> {
        self.column_vindexes.iter().filter(|v| v.owned)
    }

    /// A vindex's columns, as far as known.
    pub fn vindex_columns(&self, vindex: &ColumnVindex) -> Vec<Option<KeyColumn>> {
        let known = |name: &String| {
            let column = self.column(name)?;
            Some(KeyColumn::new(column.ty?, column.definition.as_deref()))
        };
        vindex.columns.iter().map(known).collect()
    }

    /// A column of the primary vindex whose collation holds texts for equal that the vindex places apart, as `a` and `A`:
    /// looking for one of them finds no row that has the other.
    pub fn loosely_compared_key(&self) -> Option<&Column> {
        let vindex = self.primary_vindex().filter(|v| v.vindex.tells_texts_apart())?;
        let is_loose = |column: &&Column| {
            let is_text =
                matches!(column.ty, Some(ColumnType::Char | ColumnType::Varchar | ColumnType::Text));
            let is_exact = |name: &String| name.ends_with("_bin") || name == "binary";
            is_text && column.collation.as_ref().is_some_and(|name| !is_exact(name))
        };
        vindex.columns.iter().filter_map(|name| self.column(name)).find(is_loose)
    }

    fn track(&mut self, tracked: &TrackedTable) {
        self.unique_keys.clone_from(&tracked.unique_keys);
        if !self.column_list_authoritative {
            self.columns.clone_from(&tracked.columns);
            self.column_list_authoritative = true;
            return;
        }
        for column in &mut self.columns {
            if let Some(found) = tracked.columns.iter().find(|c| c.name.eq_ignore_ascii_case(&column.name)) {
                column.definition.clone_from(&found.definition);
                column.generated = found.generated;
                column.collation = column.collation.take().or_else(|| found.collation.clone());
                column.ty = column.ty.or(found.ty);
            }
        }
    }

    /// The query of a view.
    pub fn view(&self) -> Option<&str> {
        match &self.kind {
            TableKind::View { definition } => Some(definition),
            _ => None,
        }
    }

    pub fn is_vindex(&self) -> bool {
        self.kind == TableKind::Vindex
    }

    /// A vindex read as a table: for each `id` that the statement names, its keyspace id and the shard that
    /// has it (Vitess's columns and types). [`Table::primary_vindex`] is the vindex, on the column `id`.
    pub fn of_vindex(keyspace: &str, name: &str, vindex: &Arc<Vindex>) -> Self {
        let column = |name: &str| Column {
            name: name.to_owned(),
            ty: Some(ColumnType::Varbinary),
            collation: None,
            invisible: false,
            definition: Some(format!("varbinary({VINDEX_COLUMN_BYTES}) null")),
            generated: false,
            default: ColumnDefault::Unknown,
        };
        let on_id = ColumnVindex {
            name: name.to_owned(),
            columns: vec![VINDEX_COLUMNS[0].to_owned()],
            vindex: vindex.clone(),
            owned: false,
        };
        Self {
            kind: TableKind::Vindex,
            column_vindexes: vec![on_id],
            columns: VINDEX_COLUMNS.map(column).into(),
            column_list_authoritative: true,
            ..Self::unlisted(keyspace, name)
        }
    }

    /// A table of which nothing is known but its name.
    fn unlisted(keyspace: &str, name: &str) -> Self {
        Self {
            keyspace: keyspace.to_owned(),
            name: name.to_owned(),
            sharded: false,
            kind: TableKind::Normal,
            column_vindexes: Vec::new(),
            auto_increment: None,
            columns: Vec::new(),
            column_list_authoritative: false,
            unique_keys: Vec::new(),
            pinned: None,
        }
    }
}

impl VSchema {
    /// By name, in order.
    pub fn keyspaces(&self) -> impl Iterator<Item = &Arc<Keyspace>> {
        self.keyspaces.values()
    }

    /// What is wrong with the message it was built from; the parts concerned were left out.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// A keyspace by name, keyspace routing rules applied; MySQL's 1049 when there is none.
    pub fn keyspace(&self, name: &str) -> Result<&Arc<Keyspace>> {
        let routed = self.keyspace_routing_rules.get(name).map_or(name, String::as_str);
        self.keyspaces
            .get(routed)
            .ok_or_else(|| Error::new(Condition::UnknownKeyspace, format!("Unknown database '{name}'")))
    }

    /// The keyspace that a shard's queries go to, after shard routing rules.
    pub fn route_shard<'a>(&'a self, keyspace: &'a str, shard: &str) -> &'a str {
        if self.shard_routing_rules.is_empty() {
            return keyspace;
        }
        self.shard_routing_rules
            .get(&(keyspace.to_owned(), shard.to_owned()))
            .map_or(keyspace, String::as_str)
    }

    /// The table that a statement means: `qualifier.name`, or `name` in the session's keyspace, or `name`
    /// anywhere when no keyspace is selected. Routing rules are applied.
    ///
    /// Errors: unknown keyspace 1049, unknown table 1146, no keyspace and no unique name 1046.
    pub fn table(
        &self,
        qualifier: Option<&str>,
        name: &str,
        session_keyspace: Option<&str>,
        tablet_type: TabletType,
    ) -> Result<Arc<Table>> {
        let keyspace = qualifier.or(session_keyspace);
        if let Some(targets) = self.routing_rule(keyspace, name, tablet_type) {
            return self.routed(keyspace, name, targets);
        }
        match keyspace {
            Some(keyspace) => self.table_of(keyspace, name),
            None => self.global_table(name),
        }
    }

    /// Whether a keyspace has the table, or would accept any name because it is not sharded.
    fn table_of(&self, keyspace: &str, name: &str) -> Result<Arc<Table>> {
        let keyspace = self.keyspace(keyspace)?;
        match (keyspace.tables.get(name), keyspace.vindexes.get(name)) {
            (Some(table), _) => Ok(table.clone()),
            (None, Some(vindex)) => Ok(Arc::new(Table::of_vindex(&keyspace.name, name, vindex))),
            // Tables of an unsharded keyspace need not be listed: its mysqld knows them.
            (None, None) if !keyspace.sharded => Ok(Arc::new(Table::unlisted(&keyspace.name, name))),
            (None, None) => Err(unknown_table(Some(&keyspace.name), name)),
        }
    }

    fn global_table(&self, name: &str) -> Result<Arc<Table>> {
        match self.global_tables.get(name) {
            Some(Some(table)) => return Ok(table.clone()),
            Some(None) => {
                return Err(Error::new(
                    Condition::AmbiguousTable,
                    format!("Table '{name}' is in several keyspaces: name one, as in keyspace.{name}"),
                ));
            }
            None => {}
        }
        let mut vindexes =
            self.keyspaces.values().filter_map(|k| k.vindexes.get(name).map(|vindex| (k, vindex)));
        match (vindexes.next(), vindexes.next()) {
            (None, _) => {}
            (Some((keyspace, vindex)), None) => {
                return Ok(Arc::new(Table::of_vindex(&keyspace.name, name, vindex)));
            }
            (Some(_), Some(_)) => {
                return Err(Error::new(
                    Condition::AmbiguousTable,
                    format!("ambiguous vindex reference: {name}"),
                ));
            }
        }
        // With a single unsharded keyspace there is nothing to choose.
        match self.keyspaces.values().collect::<Vec<_>>()[..] {
            [only] if !only.sharded => Ok(Arc::new(Table::unlisted(&only.name, name))),
            _ => Err(Error::new(
                Condition::NoKeyspaceSelected,
                format!(
                    "No database selected (and no keyspace has a table '{name}' that can be found without it)"
                ),
            )),
        }
    }

    /// The targets of the first rule that fits: with the tablet type before without.
    fn routing_rule(
        &self,
        keyspace: Option<&str>,
        name: &str,
        tablet_type: TabletType,
    ) -> Option<&Vec<String>> {
        if self.routing_rules.is_empty() {
            return None;
        }
        let qualified = keyspace.map_or_else(|| name.to_owned(), |ks| format!("{ks}.{name}"));
        let typed = match tablet_type {
            TabletType::Replica => Some(format!("{qualified}@replica")),
            TabletType::Rdonly => Some(format!("{qualified}@rdonly")),
            _ => None,
        };
        typed.and_then(|key| self.routing_rules.get(&key)).or_else(|| self.routing_rules.get(&qualified))
    }

    fn routed(&self, keyspace: Option<&str>, name: &str, targets: &[String]) -> Result<Arc<Table>> {
        match targets {
            [] => Err(Error::new(
                Condition::UnknownTable,
                format!("Table '{name}' has been disabled by a routing rule"),
            )),
            [target] => match target.split_once('.') {
                Some((keyspace, table)) => self.table_of(keyspace, table),
                None => self.table_of(keyspace.unwrap_or_default(), target),
            },
            _ => Err(Error::new(
                Condition::AmbiguousTable,
                format!(
                    "Table '{name}' has more than one target in its routing rule: {}",
                    targets.join(", ")
                ),
            )),
        }
    }

    /// The same VSchema with what schema tracking found. Where a table's column list is authoritative
    /// already, which columns it has and their types stay as they are.
    pub fn with_tracked(&self, keyspace: &str, tables: &BTreeMap<String, TrackedTable>) -> Self {
        self.with_all_tracked([(keyspace, tables)])
    }

    /// [`VSchema::with_tracked`] for many keyspaces at once: the list of all tables is made once.
    #[must_use]
    pub fn with_all_tracked<'a>(
        &self,
        tracked: impl IntoIterator<Item = (&'a str, &'a BTreeMap<String, TrackedTable>)>,
    ) -> Self {
        let mut next = self.clone();
        for (keyspace, tables) in tracked {
            if let Some(slot) = next.keyspaces.get_mut(keyspace).filter(|_| !tables.is_empty()) {
                track_tables(Arc::make_mut(slot), tables);
            }
        }
        next.index_tables();
        next
    }

    /// Fills `global_tables`.
    pub(crate) fn index_tables(&mut self) {
        let mut global: HashMap<String, Option<Arc<Table>>> = HashMap::new();
        for keyspace in self.keyspaces.values().filter(|k| !k.require_explicit_routing) {
            for (name, table) in &keyspace.tables {
                global
                    .entry(name.clone())
                    .and_modify(|known| *known = preferred(known.take(), table))
                    .or_insert_with(|| Some(table.clone()));
            }
        }
        self.global_tables = global;
    }
}

/// Of a reference table and its source the source is meant; any other two of a name are ambiguous.
fn preferred(known: Option<Arc<Table>>, other: &Arc<Table>) -> Option<Arc<Table>> {
    let known = known?;
    let is_copy_of = |copy: &Table, source: &Table| match &copy.kind {
        TableKind::Reference { source: Some((keyspace, name)) } => {
            *keyspace == source.keyspace && *name == source.name
        }
        _ => false,
    };
    if is_copy_of(&known, other) {
        Some(other.clone())
    } else if is_copy_of(other, &known) {
        Some(known)
    } else {
        None
    }
}

/// MySQL's 1146.
pub(crate) fn unknown_table(keyspace: Option<&str>, name: &str) -> Error {
    let full = keyspace.map_or_else(|| name.to_owned(), |ks| format!("{ks}.{name}"));
    Error::new(Condition::UnknownTable, format!("Table '{full}' doesn't exist"))
}

/// Adds the columns of a keyspace's tables.
fn track_tables(keyspace: &mut Keyspace, tables: &BTreeMap<String, TrackedTable>) {
    for (name, tracked) in tables {
        let unlisted = !keyspace.tables.contains_key(name);
        let view = tracked.view.as_ref().filter(|_| unlisted && keyspace.sharded);
        if let Some(definition) = view {
            let kind = TableKind::View { definition: definition.clone() };
            let view = Table {
                kind,
                sharded: true,
                columns: tracked.columns.clone(),
                column_list_authoritative: true,
                ..Table::unlisted(&keyspace.name, name)
            };
            keyspace.tables.insert(name.clone(), Arc::new(view));
            continue;
        }
        if unlisted && keyspace.sharded {
            continue;
        }
        let table = keyspace
            .tables
            .entry(name.clone())
            .or_insert_with(|| Arc::new(Table::unlisted(&keyspace.name, name)));
        Arc::make_mut(table).track(tracked);
    }
}

#[cfg(test)]
mod tests;
