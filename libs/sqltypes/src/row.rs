//! Reading and building `Row{lengths, values}`.

use bytes::{Bytes, BytesMut};
use proto::query::Row;

/// The values of a row in order; `None` is NULL. A row whose lengths run past its bytes ends early.
pub fn values(row: &Row) -> impl Iterator<Item = Option<&[u8]>> {
    let mut at = 0usize;
    row.lengths.iter().map_while(move |len| match usize::try_from(*len) {
        Err(_) => Some(None),
        Ok(len) => {
            let value = row.values.get(at..at.checked_add(len)?)?;
            at += len;
            Some(Some(value))
        }
    })
}

/// The value of one column; `None` outside when the row has no such column, inside for NULL.
pub fn value_at(row: &Row, column: usize) -> Option<Option<&[u8]>> {
    values(row).nth(column)
}

/// A row of given values.
pub fn row_of<V: AsRef<[u8]>>(values: impl IntoIterator<Item = Option<V>>) -> Row {
    let mut row = RowBuilder::default();
    values.into_iter().for_each(|v| row.push(v.as_ref().map(AsRef::as_ref)));
    row.finish()
}

/// Puts a row together value by value.
#[derive(Debug, Default)]
pub struct RowBuilder {
    lengths: Vec<i64>,
    values: BytesMut,
}

impl RowBuilder {
    pub fn push(&mut self, value: Option<&[u8]>) {
        match value {
            Some(bytes) => {
                self.lengths.push(bytes.len() as i64);
                self.values.extend_from_slice(bytes);
            }
            None => self.lengths.push(-1),
        }
    }

    pub fn finish(self) -> Row {
        Row { lengths: self.lengths, values: Bytes::from(self.values) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_back() {
        let row = row_of([Some("a"), None, Some(""), Some("bcd")]);
        assert_eq!(row.lengths, [1, -1, 0, 3]);
        let read: Vec<_> = values(&row).collect();
        assert_eq!(read, [Some(&b"a"[..]), None, Some(&b""[..]), Some(&b"bcd"[..])]);
        assert_eq!(value_at(&row, 4), None);
    }

    #[test]
    fn a_row_that_lies_about_its_lengths_ends_early() {
        let row = Row { lengths: vec![1, 100, 1], values: Bytes::from_static(b"ab") };
        assert_eq!(values(&row).count(), 1);
    }
}
