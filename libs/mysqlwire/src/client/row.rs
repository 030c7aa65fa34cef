//! A text row of mysqld -> `query::Row`, in place.

use bytes::BytesMut;
use proto::query::Row;
use vterrors::Result;

use super::cursor::{lenenc, malformed};

/// Moves the values of a row packet together, over their length prefixes, and cuts the packet behind
/// them: the packet's memory becomes the row's `values`. NULL has length -1.
#[inline]
pub(super) fn transcode(mut packet: BytesMut, columns: usize) -> Result<Row> {
    let mut lengths = Vec::with_capacity(columns);
    let (mut read, mut write) = (0, 0);
    for _ in 0..columns {
        let (len, width) = lenenc(&packet[read..]).ok_or_else(|| malformed("row"))?;
        read += width;
        let Some(len) = len else {
            lengths.push(-1);
            continue;
        };
        let end = usize::try_from(len).ok().and_then(|len| read.checked_add(len));
        let end = end.filter(|end| *end <= packet.len()).ok_or_else(|| malformed("row"))?;
        packet.copy_within(read..end, write);
        write += end - read;
        read = end;
        lengths.push(i64::try_from(len).map_err(|_| malformed("row"))?);
    }
    if read != packet.len() {
        return Err(malformed("row with more values than columns"));
    }
    packet.truncate(write);
    Ok(Row { lengths, values: packet.freeze() })
}
