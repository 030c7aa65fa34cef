//! LIMIT over several shards: each was told to send `count + offset` rows; here the rest is cut off.

use async_trait::async_trait;
use planner::{Limit, Primitive, UPPER_LIMIT};
use sqltypes::{BindValue, Field, Row};
use vterrors::{Error, Result};

use super::Run;
use crate::executor::{Outcome, Sink, binds};

impl Run<'_> {
    pub(super) async fn limit(&mut self, limit: &Limit, sink: &mut dyn Sink) -> Result<Outcome> {
        let count = self.whole_number(&limit.count)?;
        let offset = limit.offset.as_ref().map_or(Ok(0), |o| self.whole_number(o))?;
        let upper = BindValue::uint64(count.saturating_add(offset));
        self.binds.insert(UPPER_LIMIT.to_owned(), upper.into());
        let mut window =
            Window { inner: sink, skip: offset, take: count, given: 0, seen: 0, all: limit.count_all };
        let outcome = match &limit.input {
            Primitive::Route(route) => self.route(route, &mut window).await?,
            other => Box::pin(self.primitive(other, &mut window)).await?,
        };
        let found_rows = limit.count_all.then_some(window.seen);
        Ok(Outcome { rows: window.given, found_rows, ..outcome })
    }

    fn whole_number(&self, reference: &planner::ValueRef) -> Result<u64> {
        let (_, bytes) = binds::value(reference, &self.binds)?;
        let text = String::from_utf8_lossy(&bytes);
        text.parse()
            .map_err(|_| Error::mysql(1210, *b"HY000", format!("Incorrect arguments to LIMIT: {text}")))
    }
}

struct Window<'a> {
    inner: &'a mut dyn Sink,
    skip: u64,
    take: u64,
    given: u64,
    /// All rows that came.
    seen: u64,
    /// They are counted to the last.
    all: bool,
}

#[async_trait]
impl Sink for Window<'_> {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        self.inner.fields(fields).await
    }

    async fn rows(&mut self, mut rows: Vec<Row>) -> Result<bool> {
        self.seen += rows.len() as u64;
        let skip = self.skip.min(rows.len() as u64);
        self.skip -= skip;
        rows.drain(..skip as usize);
        rows.truncate(usize::try_from(self.take).unwrap_or(usize::MAX));
        self.take -= rows.len() as u64;
        self.given += rows.len() as u64;
        let more = rows.is_empty() || self.inner.rows(rows).await?;
        Ok(self.all || (more && self.take > 0))
    }
}
