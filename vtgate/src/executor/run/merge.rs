//! Rows of several shards, streamed and merged. Each shard's rows come in the order wanted; the merge takes
//! the smallest of the heads again and again. Without an order, rows are passed on as they come.

use std::{
    cmp::Ordering,
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use eval::{Comparator, SortKey};
use futures::{StreamExt, future::select_all};
use planner::{ColumnAt, OrderBy, Route};
use proto::query::{Row, StreamExecuteResponse};
use sqltypes::Field;
use tabletclient::RowStream;
use vterrors::{Error, Result};

use crate::executor::Sink;

/// How many merged rows are passed on at a time.
const BATCH_ROWS: usize = 512;

/// One shard's stream and the rows of it that wait.
pub(super) struct Source {
    stream: RowStream<StreamExecuteResponse>,
    fields: Vec<Field>,
    rows: VecDeque<Row>,
    ended: bool,
    /// How many rows came, where somebody wants to know.
    count: Option<Arc<AtomicU64>>,
}

impl Source {
    pub(super) fn new(stream: RowStream<StreamExecuteResponse>) -> Self {
        Self { stream, fields: Vec::new(), rows: VecDeque::new(), ended: false, count: None }
    }

    /// Counts its rows from here on.
    pub(super) fn count_rows(&mut self) -> Arc<AtomicU64> {
        self.count.insert(Arc::default()).clone()
    }

    /// Takes one more message; `false` at the end.
    async fn read(&mut self) -> Result<bool> {
        match self.stream.next().await {
            None => {
                self.ended = true;
                Ok(false)
            }
            Some(message) => {
                let result = message?.result.unwrap_or_default();
                if !result.fields.is_empty() {
                    self.fields = result.fields;
                }
                if let Some(count) = &self.count {
                    count.fetch_add(result.rows.len() as u64, Relaxed);
                }
                self.rows.extend(result.rows);
                Ok(true)
            }
        }
    }

    /// Reads until there is a row, or none will come.
    async fn fill(&mut self) -> Result<()> {
        while self.rows.is_empty() && !self.ended {
            self.read().await?;
        }
        Ok(())
    }
}

pub(super) struct Merge<'a> {
    sources: Vec<Source>,
    order_by: &'a [OrderBy],
    /// Made when the columns' types are known; `None` where the order does not matter.
    order: Option<Comparator>,
    /// Columns at the end that are for the merge only.
    hidden: usize,
    /// Columns that the client sees, once they are known.
    keep: usize,
}

impl<'a> Merge<'a> {
    pub(super) fn new(sources: Vec<Source>, route: &'a Route) -> Self {
        Self { sources, order_by: &route.order_by, order: None, hidden: route.hidden_columns, keep: 0 }
    }

    /// The columns that the client sees. Waits for the first message of each shard.
    pub(super) async fn fields(&mut self) -> Result<Vec<Field>> {
        let firsts = self.sources.iter_mut().map(|source| async move {
            while source.fields.is_empty() && source.read().await? {}
            Ok::<_, Error>(())
        });
        for first in futures::future::join_all(firsts).await {
            first?;
        }
        let fields = self.sources.first().map(|s| s.fields.clone()).unwrap_or_default();
        if let Some(other) = self.sources.iter().find(|s| s.fields.len() != fields.len()) {
            return Err(Error::internal(format!(
                "shards disagree about the columns: {} and {}; is their schema the same?",
                fields.len(),
                other.fields.len()
            )));
        }
        if !self.order_by.is_empty() {
            let keys: Vec<_> =
                self.order_by.iter().map(|by| sort_key(by, fields.len(), self.hidden)).collect();
            self.order = Some(Comparator::for_order(&keys, &fields)?);
        }
        self.keep = fields.len().saturating_sub(self.hidden);
        Ok(fields.into_iter().take(self.keep).collect())
    }

    /// Passes all rows on; the number of them.
    pub(super) async fn run(self, sink: &mut dyn Sink) -> Result<u64> {
        match self.order.clone() {
            Some(order) => self.ordered(order, sink).await,
            None => self.unordered(sink).await,
        }
    }

    async fn unordered(self, sink: &mut dyn Sink) -> Result<u64> {
        let (hidden, keep) = (self.hidden, self.keep);
        let mut count = 0;
        let step = |mut source: Source| {
            Box::pin(async move {
                let filled = source.fill().await;
                (source, filled)
            })
        };
        let mut waiting: Vec<_> = self.sources.into_iter().map(step).collect();
        while !waiting.is_empty() {
            let ((mut source, filled), _, rest) = select_all(waiting).await;
            filled?;
            waiting = rest;
            if source.rows.is_empty() {
                continue;
            }
            let rows = std::mem::take(&mut source.rows);
            count += rows.len() as u64;
            if !sink.rows(cut(rows, hidden, keep)).await? {
                return Ok(count);
            }
            waiting.push(step(source));
        }
        Ok(count)
    }

    async fn ordered(mut self, order: Comparator, sink: &mut dyn Sink) -> Result<u64> {
        let mut count = 0;
        let mut batch = VecDeque::new();
        let fills = self.sources.iter_mut().map(Source::fill);
        futures::future::join_all(fills).await.into_iter().collect::<Result<Vec<()>>>()?;
        while let Some(next) = self.smallest(&order)? {
            let source = &mut self.sources[next];
            batch.extend(source.rows.pop_front());
            if source.rows.is_empty() {
                source.fill().await?;
            }
            if batch.len() >= BATCH_ROWS {
                count += batch.len() as u64;
                if !sink.rows(cut(std::mem::take(&mut batch), self.hidden, self.keep)).await? {
                    return Ok(count);
                }
            }
        }
        count += batch.len() as u64;
        if !batch.is_empty() {
            sink.rows(cut(batch, self.hidden, self.keep)).await?;
        }
        Ok(count)
    }

    /// The source whose head comes first; of equal heads that of the first shard.
    fn smallest(&self, order: &Comparator) -> Result<Option<usize>> {
        let mut best: Option<(usize, &Row)> = None;
        for (at, source) in self.sources.iter().enumerate() {
            let Some(head) = source.rows.front() else { continue };
            let smaller = match best {
                None => true,
                Some((_, other)) => order.compare(head, other)? == Ordering::Less,
            };
            if smaller {
                best = Some((at, head));
            }
        }
        Ok(best.map(|(at, _)| at))
    }
}

fn sort_key(by: &OrderBy, columns: usize, hidden: usize) -> SortKey {
    let at = |column: ColumnAt| column.index(columns, hidden);
    SortKey {
        column: at(by.column),
        weight_string: by.weight_string.map(at),
        collation_column: by.collation_column.map(at),
        collation: by.collation.clone(),
        desc: by.desc,
    }
}

fn cut(rows: VecDeque<Row>, hidden: usize, keep: usize) -> Vec<Row> {
    let mut rows = Vec::from(rows);
    if hidden > 0 {
        rows.iter_mut().for_each(|row| truncate(row, keep));
    }
    rows
}

/// Cuts the columns from `keep` on off a row.
pub(super) fn truncate(row: &mut Row, keep: usize) {
    row.lengths.truncate(keep);
    let bytes: i64 = row.lengths.iter().filter(|len| **len > 0).sum();
    row.values.truncate(usize::try_from(bytes).unwrap_or_default());
}
