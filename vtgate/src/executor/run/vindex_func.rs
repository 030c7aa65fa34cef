//! A vindex read as a table: vtgate computes its rows.

use std::collections::HashSet;

use planner::{ValueRef, VindexColumn, VindexFunc};
use sqltypes::{Field, Row, RowBuilder, Type};
use vschema::{Mapped, ShardTable, VINDEX_COLUMN_BYTES, VindexValue};
use vterrors::{Error, Result};
use vtmodel::KeyRange;

use super::{Run, keyed::Typed};
use crate::executor::{Outcome, Sink, binds, sink::give};

/// A keyspace id, where it is one, and the range that it is in.
type Place = (Option<Vec<u8>>, KeyRange);

impl Run<'_> {
    pub(super) async fn vindex_func(&mut self, func: &VindexFunc, sink: &mut dyn Sink) -> Result<Outcome> {
        let values = match &func.values {
            list @ (ValueRef::ListBind(_) | ValueRef::List(_)) => binds::list(list, &self.binds)?,
            one => vec![binds::value(one, &self.binds)?],
        };
        let shards = self.layout.shards(&func.keyspace, self.session.tablet_type())?;
        let mut seen: HashSet<Typed> = HashSet::new();
        let mut rows = Vec::new();
        for value in values {
            // Equal to nothing; and a row is in a list once, however often the list says so.
            if value.0 == Type::NullType || !seen.insert(value.clone()) {
                continue;
            }
            let id = VindexValue::new(value.0, &value.1).raw().into_owned();
            if id.len() > VINDEX_COLUMN_BYTES {
                let text = format!("a value of more than {VINDEX_COLUMN_BYTES} bytes for a vindex");
                return Err(Error::invalid(text));
            }
            let places = self.places(func, &shards, value).await?;
            rows.extend(places.iter().map(|place| row(func, &id, place)));
        }
        let field = |(name, _): &(String, VindexColumn)| Field {
            name: name.clone(),
            table: func.vindex.name.clone(),
            database: func.keyspace.clone(),
            r#type: Type::Varbinary as i32,
            charset: sqltypes::charset::BINARY,
            flags: BINARY_FLAG,
            column_length: VINDEX_COLUMN_BYTES as u32,
            ..Field::default()
        };
        give(sink, func.columns.iter().map(field).collect(), rows).await
    }

    async fn places(
        &mut self,
        func: &VindexFunc,
        shards: &ShardTable,
        (ty, bytes): Typed,
    ) -> Result<Vec<Place>> {
        let found = |id: Vec<u8>| {
            let range = shards.find(&id).range.clone();
            (Some(id), range)
        };
        if let Some(lookup) = &func.lookup {
            let ids = self.keyspace_ids_of(lookup, vec![(ty, bytes)]).await?;
            return Ok(ids.into_iter().map(found).collect());
        }
        // The bare function, as Vitess tells it: whatever the types of the columns are that the vindex is on.
        let mapped = func.vindex.vindex.hash(&[VindexValue::new(ty, &bytes)]);
        Ok(match mapped.map_err(|e| e.context(format!("vindex {}", func.vindex.name)))? {
            Mapped::KeyspaceId(id) => vec![found(id)],
            Mapped::KeyRange(range) => vec![(None, range)],
            Mapped::None | Mapped::Anywhere => Vec::new(),
        })
    }
}

/// MySQL's flag of columns that compare byte by byte.
const BINARY_FLAG: u32 = 128;

fn row(func: &VindexFunc, id: &[u8], (keyspace_id, range): &Place) -> Row {
    let hex = |bytes: &Vec<u8>| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let mut row = RowBuilder::default();
    for (_, column) in &func.columns {
        match column {
            VindexColumn::Id => row.push(Some(id)),
            VindexColumn::KeyspaceId => row.push(keyspace_id.as_deref()),
            VindexColumn::RangeStart => row.push(Some(&range.start)),
            VindexColumn::RangeEnd => row.push(Some(&range.end)),
            VindexColumn::HexKeyspaceId => {
                row.push(keyspace_id.as_ref().map(hex).as_deref().map(str::as_bytes))
            }
            VindexColumn::Shard => row.push(Some(range.to_string().as_bytes())),
        }
    }
    row.finish()
}
