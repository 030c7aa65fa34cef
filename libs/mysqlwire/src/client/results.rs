//! Reading the answer to a query: whole, or chunk by chunk.

use bytes::BytesMut;
use proto::query::{Field, QueryResult, Row, execute_options::IncludedFields};
use vterrors::{Condition, Error, Result};

use super::{
    Conn, capability as cap,
    cursor::{Cursor, malformed},
    field,
    response::{Ok_, is_eof, parse_eof, parse_ok},
    row,
};

/// How much of an answer is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryOptions {
    /// What a field says beside its type.
    pub included: IncludedFields,
    /// The most rows a result kept in memory may have.
    pub max_rows: usize,
}

impl Default for QueryOptions {
    /// Names and types, no limit.
    fn default() -> Self {
        Self { included: IncludedFields::TypeAndName, max_rows: usize::MAX }
    }
}

impl QueryOptions {
    /// Everything a field can say, at most `max_rows` rows.
    pub fn all_fields(max_rows: usize) -> Self {
        Self { included: IncludedFields::All, max_rows }
    }
}

/// Rows that were read together.
pub type Chunk = Vec<Row>;

/// The first packets of a result.
enum Head {
    /// No rows: an OK.
    Done(Ok_),
    Fields(Vec<Field>),
}

/// What the packets after the fields are.
enum Item {
    Row(BytesMut),
    End(Ok_),
}

/// The most columns a result may have; MySQL's own limit is 4,096.
const MAX_COLUMNS: u64 = 65_535;

async fn read_head(conn: &mut Conn, included: IncludedFields) -> Result<Head> {
    let packet = conn.framed.packet().await?;
    match packet.first() {
        Some(0x00) => Ok(Head::Done(parse_ok(&packet, conn.capabilities())?)),
        Some(0xff) => Err(conn.failed(&packet)),
        // The server wants a local file, which we never offered.
        Some(0xfb) | None => Err(malformed("answer to a query")),
        Some(_) => {
            let count = Cursor::new(&packet).lenenc_int().filter(|n| *n <= MAX_COLUMNS);
            let count = count.ok_or_else(|| malformed("number of columns"))?;
            let mut fields = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
            for _ in 0..count {
                let packet = conn.framed.packet().await?;
                fields.push(field::parse(&packet, included)?);
            }
            if conn.capabilities() & cap::DEPRECATE_EOF == 0 && !is_eof(&conn.framed.packet().await?) {
                return Err(malformed("end of columns"));
            }
            Ok(Head::Fields(fields))
        }
    }
}

fn classify(conn: &mut Conn, packet: BytesMut) -> Result<Item> {
    match packet.first() {
        Some(0xff) => Err(conn.failed(&packet)),
        Some(0xfe) if conn.capabilities() & cap::DEPRECATE_EOF != 0 => {
            // A row may begin with 0xfe too, as the length of a value over 16 MB: it is longer than that.
            if packet.len() >= 0xff_ffff {
                return Ok(Item::Row(packet));
            }
            Ok(Item::End(parse_ok(&packet, conn.capabilities())?))
        }
        Some(0xfe) if is_eof(&packet) => Ok(Item::End(parse_eof(&packet)?)),
        _ => Ok(Item::Row(packet)),
    }
}

/// Reads one result to its end. More than `max_rows` rows are read too, dropped, and then are an error.
pub(super) async fn read_result(conn: &mut Conn, options: &QueryOptions) -> Result<QueryResult> {
    let fields = match read_head(conn, options.included).await? {
        Head::Done(ok) => {
            conn.ended(&ok);
            return Ok(without_rows(ok));
        }
        Head::Fields(fields) => fields,
    };
    let mut rows = Vec::new();
    let mut seen = 0usize;
    loop {
        while let Some(packet) = conn.framed.buffered()? {
            match classify(conn, packet)? {
                Item::Row(packet) => {
                    seen += 1;
                    if seen <= options.max_rows {
                        rows.push(row::transcode(packet, fields.len())?);
                    }
                }
                Item::End(ok) => {
                    conn.ended(&ok);
                    if seen > options.max_rows {
                        return Err(too_many(options.max_rows));
                    }
                    return Ok(QueryResult {
                        fields,
                        rows,
                        session_state_changes: ok.gtid,
                        ..Default::default()
                    });
                }
            }
        }
        conn.framed.fill().await?;
    }
}

/// Vitess's words for it.
fn too_many(max_rows: usize) -> Error {
    Error::new(Condition::TooManyRows, format!("Row count exceeded {max_rows}"))
}

fn without_rows(ok: Ok_) -> QueryResult {
    QueryResult {
        rows_affected: ok.affected_rows,
        insert_id: ok.insert_id,
        insert_id_changed: ok.insert_id != 0,
        info: ok.info,
        session_state_changes: ok.gtid,
        ..QueryResult::default()
    }
}

/// A result whose rows are read when they are asked for. Dropped before its end it leaves the connection
/// unusable.
#[derive(Debug)]
pub struct ResultStream<'a> {
    conn: &'a mut Conn,
    fields: Vec<Field>,
    columns: usize,
    /// What the end of the result said.
    end: Option<QueryResult>,
}

impl<'a> ResultStream<'a> {
    pub(super) async fn begin(conn: &'a mut Conn, options: &QueryOptions) -> Result<Self> {
        match read_head(conn, options.included).await? {
            Head::Done(ok) => {
                let mut stream = Self { conn, fields: Vec::new(), columns: 0, end: None };
                stream.finish(ok).await?;
                Ok(stream)
            }
            Head::Fields(fields) => {
                let columns = fields.len();
                Ok(Self { conn, fields, columns, end: None })
            }
        }
    }

    /// The columns; empty for a statement without rows. The second call gives nothing.
    pub fn take_fields(&mut self) -> Vec<Field> {
        std::mem::take(&mut self.fields)
    }

    /// At least `target_bytes` of rows, fewer at the end; `None` when there are no more.
    pub async fn next(&mut self, target_bytes: usize) -> Result<Option<Chunk>> {
        if self.end.is_some() {
            return Ok(None);
        }
        let (mut rows, mut bytes) = (Chunk::new(), 0);
        loop {
            while let Some(packet) = self.conn.framed.buffered()? {
                match classify(self.conn, packet)? {
                    Item::Row(packet) => {
                        let row = row::transcode(packet, self.columns)?;
                        bytes += row.values.len() + 8 * row.lengths.len();
                        rows.push(row);
                        if bytes >= target_bytes {
                            return Ok(Some(rows));
                        }
                    }
                    Item::End(ok) => {
                        self.finish(ok).await?;
                        return Ok((!rows.is_empty()).then_some(rows));
                    }
                }
            }
            self.conn.framed.fill().await?;
        }
    }

    /// Once [`ResultStream::next`] gave `None`: affected rows, insert id, info, GTID; no rows.
    pub fn summary(&self) -> Option<&QueryResult> {
        self.end.as_ref()
    }

    /// The end of the wanted result; results after it (of a procedure) are read and dropped.
    async fn finish(&mut self, ok: Ok_) -> Result<()> {
        self.conn.ended(&ok);
        while !self.conn.is_usable() {
            let dropped =
                read_result(self.conn, &QueryOptions { max_rows: 0, ..QueryOptions::default() }).await;
            if let Err(e) = dropped
                && e.condition() != Condition::TooManyRows
            {
                return Err(e);
            }
        }
        self.end = Some(without_rows(ok));
        Ok(())
    }
}
