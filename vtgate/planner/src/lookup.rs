//! Which lookup vindexes plans can use, and how.

use vschema::{ColumnVindex, LookupKind, Table, Vindex};

use crate::{
    LookupChange, LookupOrder, LookupRead, LookupTable, Routing,
    semantics::{Closure, ColumnKey, TableId},
};

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A lookup as plans use it; `None` for what is none.
pub(crate) fn table(vindex: &ColumnVindex) -> Option<LookupTable> {
    let Vindex::Lookup(lookup) = &*vindex.vindex else { return None };
    let is_loose = matches!(
        lookup.kind,
        LookupKind::LookupUnicodeLooseMd5Hash | LookupKind::LookupUnicodeLooseMd5HashUnique
    );
    let is_hash = is_loose || matches!(lookup.kind, LookupKind::LookupHash | LookupKind::LookupHashUnique);
    let consistent = matches!(lookup.kind, LookupKind::ConsistentLookup | LookupKind::ConsistentLookupUnique);
    let (keyspace, name) = lookup.table.split_once('.')?;
    let order = match (lookup.autocommit, consistent) {
        (true, _) => LookupOrder::Alone,
        (false, true) => LookupOrder::Around,
        (false, false) => LookupOrder::Same,
    };
    Some(LookupTable {
        name: vindex.name.clone(),
        table: format!("{}.{}", quoted(keyspace.trim_matches('`')), quoted(name.trim_matches('`'))),
        from: lookup.from.iter().map(|c| quoted(c)).collect(),
        to: quoted(&lookup.to),
        is_hash,
        is_loose,
        unique: lookup.kind.is_unique(),
        order,
        no_verify: lookup.no_verify,
    })
}

/// The lookups by which a table's rows can be found, the best first, each with the column that it maps.
fn readable(table: &Table) -> Vec<(&ColumnVindex, LookupTable)> {
    let is_read = |v: &&ColumnVindex| matches!(&*v.vindex, Vindex::Lookup(l) if !l.write_only);
    let lookups = table.column_vindexes.iter().skip(1).filter(is_read);
    let mut all: Vec<_> = lookups.filter_map(|v| Some((v, self::table(v)?))).collect();
    all.sort_by_key(|(_, lookup)| !lookup.unique);
    all
}

fn key(id: TableId, vindex: &ColumnVindex) -> Option<ColumnKey> {
    Some(ColumnKey { table: id, column: vindex.columns.first()?.to_lowercase() })
}

/// The shards of rows with values that lookups know.
pub(crate) fn rows(id: TableId, table: &Table, closure: &Closure) -> Option<Routing> {
    readable(table).into_iter().find_map(|(vindex, lookup)| {
        let key = key(id, vindex)?;
        let list = || closure.list(&key).map(|(list, _)| list.clone());
        let values = closure.constant(&key).cloned().or_else(list)?;
        Some(Routing::Lookup(Box::new(LookupRead { lookup, values })))
    })
}

/// A change of the entries of one lookup.
pub(crate) fn change(
    table: &Table,
    vindex: &ColumnVindex,
    lookup: LookupTable,
    (old, new): (Option<Vec<usize>>, Option<Vec<usize>>),
) -> LookupChange {
    LookupChange {
        lookup,
        old,
        new,
        owner: format!("{}.{}", quoted(&table.keyspace), quoted(&table.name)),
        owner_columns: vindex.columns.iter().map(|c| quoted(c)).collect(),
        columns: table.vindex_columns(vindex),
    }
}
