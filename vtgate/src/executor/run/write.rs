//! UPDATE, DELETE, and statements that are sent as they are.

use planner::{Dml, Send, SendTo};
use proto::query::QueryResult;
use sqltypes::BindVars;
use vterrors::Result;

use super::{
    Again, Run,
    resolve::{Destination, Resolved, by_name, resolve},
};
use crate::{
    executor::{Outcome, Sink, sink::give},
    tx::Work,
};

impl Run<'_> {
    pub(super) async fn dml(&mut self, dml: &Dml) -> Result<Outcome> {
        let shards = self.layout.shards(&dml.keyspace, self.session.tablet_type())?;
        let routing = self.looked_up(&dml.routing).await?;
        let Resolved::Shards(destinations) = resolve(&routing, &shards, &self.binds)? else {
            return Err(self.does_not_fit(Again::AnyShard));
        };
        let queries = self.queries(&dml.keyspace, &shards, &destinations, &dml.query, &BindVars::new());
        let mut results = self.write_all(&queries).await?;
        if dml.is_reference {
            results.truncate(1);
        }
        Ok(written(results))
    }

    pub(super) async fn send(&mut self, send: &Send, sink: &mut dyn Sink) -> Result<Outcome> {
        let shards = self.layout.shards(&send.keyspace, self.session.tablet_type())?;
        let one = |shard| vec![Destination { shard, list: None }];
        let destinations = match &send.destination {
            SendTo::AllShards => {
                (0..shards.all().len()).map(|shard| Destination { shard, list: None }).collect()
            }
            SendTo::AnyShard => one(0),
            SendTo::Shard(name) => one(by_name(&shards, name)?),
        };
        let queries = self.queries(&send.keyspace, &shards, &destinations, &send.query, &BindVars::new());
        if send.is_ddl {
            return self.ddl(&queries).await;
        }
        if send.is_dml {
            return Ok(written(self.write_all(&queries).await?));
        }
        let in_transaction = self.session.in_transaction;
        let mut results = self.execute_all(&queries, in_transaction, Work::Read).await?;
        let first = results.swap_remove(0);
        if first.fields.is_empty() {
            return Ok(written(vec![first]));
        }
        give(sink, self.client_fields(&send.keyspace, first.fields), first.rows).await
    }

    /// A schema change on every shard. It ends an open transaction, as in MySQL; shards on which it failed
    /// are named, and so are those on which it is done.
    async fn ddl(&mut self, queries: &[crate::tx::ShardQuery]) -> Result<Outcome> {
        if self.session.in_transaction {
            self.executor.commit_parts(self.session).await?;
        }
        let mut done: Vec<String> = Vec::new();
        let mut fault = None;
        for query in queries {
            match self.execute_all(std::slice::from_ref(query), false, Work::Write).await {
                Ok(_) => done.push(query.target.shard.clone()),
                Err(e) => {
                    fault = Some((query, e));
                    break;
                }
            }
        }
        if let Some(query) = queries.first() {
            self.executor.schema.look_at_columns(&query.target.keyspace).await;
        }
        match fault {
            None => Ok(Outcome::default()),
            // One shard in all, or nothing done yet: MySQL's error says everything.
            Some((_, e)) if queries.len() == 1 => Err(e),
            Some((query, e)) => {
                let done = if done.is_empty() { "no shard".to_owned() } else { done.join(", ") };
                let where_ = format!("shard {} of keyspace {}", query.target.shard, query.target.keyspace);
                let code = e.mysql_code();
                let text = format!("{} ({where_}; applied on {done})", e.message());
                Err(vterrors::Error::mysql(code.errno, code.sqlstate, text))
            }
        }
    }
}

/// `Records: 3  Duplicates: 1  Warnings: 1` of two shards: the numbers added up, where the words are the same.
fn info_of_both(first: String, second: String) -> String {
    if first.is_empty() || second.is_empty() {
        return first + &second;
    }
    let parts = |info: &str| -> Option<Vec<(String, u64)>> {
        let part = |part: &str| {
            let (word, number) = part.split_once(": ")?;
            Some((word.to_owned(), number.trim().parse().ok()?))
        };
        info.split("  ").map(part).collect()
    };
    let (Some(a), Some(b)) = (parts(&first), parts(&second)) else { return first };
    if !a.iter().map(|(word, _)| word).eq(b.iter().map(|(word, _)| word)) {
        return first;
    }
    let sums: Vec<_> = a.iter().zip(&b).map(|((word, x), (_, y))| format!("{word}: {}", x + y)).collect();
    sums.join("  ")
}

/// The outcome of writes on several shards: their rows together.
pub(super) fn written(results: Vec<QueryResult>) -> Outcome {
    let mut outcome = Outcome::default();
    for result in results {
        outcome.affected_rows += result.rows_affected;
        if outcome.insert_id == 0 {
            outcome.insert_id = result.insert_id;
        }
        outcome.info = info_of_both(std::mem::take(&mut outcome.info), result.info);
    }
    outcome
}
