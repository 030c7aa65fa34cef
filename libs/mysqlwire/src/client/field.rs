//! A column definition of mysqld -> `query::Field`.

use proto::query::{Field, execute_options::IncludedFields};
use sqltypes::column_type_of;
use vterrors::Result;

use super::cursor::{Cursor, malformed};

/// Reads a column definition; `included` says how much of it the caller wants (names cost allocations).
pub(super) fn parse(packet: &[u8], included: IncludedFields) -> Result<Field> {
    read(packet, included).ok_or_else(|| malformed("column definition"))
}

fn read(packet: &[u8], included: IncludedFields) -> Option<Field> {
    let mut c = Cursor::new(packet);
    let _catalog = c.lenenc_bytes()?;
    let (database, table, org_table) = (c.lenenc_bytes()?, c.lenenc_bytes()?, c.lenenc_bytes()?);
    let (name, org_name) = (c.lenenc_bytes()?, c.lenenc_bytes()?);
    let _fixed_len = c.lenenc_int()?;
    let charset = u32::from(c.u16()?);
    let column_length = c.u32()?;
    let mysql_type = c.u8()?;
    let flags = u32::from(c.u16()?);
    let decimals = u32::from(c.u8()?);

    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let mut field =
        Field { r#type: column_type_of(mysql_type, flags, charset) as i32, charset, ..Field::default() };
    match included {
        IncludedFields::TypeOnly => {}
        IncludedFields::TypeAndName => field.name = text(name),
        IncludedFields::All => {
            field.name = text(name);
            field.database = text(database);
            field.table = text(table);
            field.org_table = text(org_table);
            field.org_name = text(org_name);
            field.column_length = column_length;
            field.flags = flags;
            field.decimals = decimals;
        }
    }
    Some(field)
}
