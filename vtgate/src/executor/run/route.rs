//! A query on the shards of its routing. One shard's answer is passed on; several shards' rows are streamed
//! and merged, so that the memory taken does not grow with the result.

use std::sync::atomic::Ordering;

use planner::{Route, Routing};
use sqltypes::{BindValue, BindVars};
use vterrors::{Condition, Error, Result};
use vtmodel::TabletType;

use super::{
    Again, Run,
    keyspace_names::KeyspaceNames,
    merge::{Merge, Source},
    resolve::{Destination, Resolved, resolve},
};
use crate::{
    executor::{Outcome, Sink, binds},
    tx::{ShardCall, ShardQuery, Work},
};

impl Run<'_> {
    pub(super) async fn route(&mut self, route: &Route, sink: &mut dyn Sink) -> Result<Outcome> {
        let (keyspace, more) = self.asked_keyspace(route)?;
        let shards = self.layout.shards(&keyspace, self.session.tablet_type())?;
        let mut destinations = if keyspace == route.keyspace {
            let routing = self.looked_up(&route.routing).await?;
            match resolve(&routing, &shards, &self.binds)? {
                Resolved::Shards(destinations) => destinations,
                Resolved::PlanAgain => return Err(self.does_not_fit(Again::AnyShard)),
            }
        } else {
            vec![Destination { shard: 0, list: None }]
        };
        if matches!(route.routing, Routing::AnyShard | Routing::Reference) {
            self.prefer_held(&keyspace, &shards, &mut destinations);
        }
        let queries = self.queries(&keyspace, &shards, &destinations, &route.query, &more);
        let mut named;
        let sink: &mut dyn Sink = match &route.system_schema {
            Some(system) => {
                named = KeyspaceNames::new(sink, &keyspace, &system.shown);
                &mut named
            }
            None => sink,
        };
        match &queries[..] {
            [one] => self.one_shard(route, one, sink).await,
            many => Box::pin(self.stream(route, many, sink)).await,
        }
    }

    /// The keyspace that is asked, and the bind variables for it. A text that asks information_schema goes to
    /// the keyspace that it names; the tablet puts its database's name in.
    pub(super) fn asked_keyspace(&self, route: &Route) -> Result<(String, BindVars)> {
        let Some(system) = &route.system_schema else { return Ok((route.keyspace.clone(), BindVars::new())) };
        let mut names = Vec::with_capacity(system.schemas.len());
        for value in &system.schemas {
            let (_, name) = binds::value(value, &self.binds)?;
            names.push(String::from_utf8_lossy(&name).into_owned());
        }
        names.dedup();
        let called = |name: &str| {
            let name = BindValue::text(name.as_bytes().to_vec());
            (planner::KEYSPACE_NAME.to_owned(), name.into())
        };
        let own = |keyspace: &str| {
            let replace = ("__replacevtschemaname".to_owned(), BindValue::int64(1).into());
            BindVars::from([replace, called(keyspace)])
        };
        match names.as_slice() {
            [] => Ok((route.keyspace.clone(), own(&route.keyspace))),
            [name] if self.layout.has_keyspace(name) => {
                if system.beside_tables && *name != route.keyspace {
                    // Read apart from the tables: gathered instead.
                    return Err(Error::unsupported(format!(
                        "information_schema of keyspace {name} beside tables of keyspace {}",
                        route.keyspace
                    )));
                }
                Ok((name.clone(), own(name)))
            }
            // One of MySQL's own schemas, or none: asked for under its name.
            [name] => {
                let known = called(name);
                let name = BindValue::text(name.clone().into_bytes()).into();
                let binds = BindVars::from([(planner::SCHEMA_NAME.to_owned(), name), known]);
                Ok((route.keyspace.clone(), binds))
            }
            _ => Err(Error::unsupported(format!(
                "not supported yet: information_schema of several schemas at once ({})",
                names.join(", ")
            ))),
        }
    }

    /// Where any shard will do, one that the transaction is on already, else one that serves: `SELECT @@version`
    /// of a client that logs in must not fail because one shard of many is away.
    fn prefer_held(&self, keyspace: &str, shards: &vschema::ShardTable, destinations: &mut [Destination]) {
        let held = self.session.shards.iter().find(|s| s.target.keyspace == keyspace);
        let place = held.and_then(|h| shards.all().iter().position(|s| s.name == h.target.shard));
        let [only] = destinations else { return };
        let serves = |shard: &usize| {
            let target = self.target(keyspace, &shards.all()[*shard].name);
            !self.executor.gateway.discovery().snapshot().serving(&target).is_empty()
        };
        let serving = || (0..shards.all().len()).find(serves);
        if let Some(place) = place.or_else(serving) {
            only.shard = place;
        }
    }

    fn route_work(&self, route: &Route) -> Work {
        if route.is_locking || route.is_sequence { Work::Write } else { Work::Read }
    }

    /// Locking reads outside of a transaction, and sequences always, run in a transaction of their own.
    fn route_in_transaction(&self, route: &Route) -> bool {
        self.session.in_transaction && !route.is_sequence
    }

    async fn one_shard(&mut self, route: &Route, query: &ShardQuery, sink: &mut dyn Sink) -> Result<Outcome> {
        if self.session.olap {
            return Box::pin(self.stream(route, std::slice::from_ref(query), sink)).await;
        }
        if route.is_sequence && query.target.tablet_type != TabletType::Primary {
            return Err(Error::new(Condition::ReadOnly, "a sequence is read on its primary"));
        }
        let in_transaction = self.route_in_transaction(route);
        let work = self.route_work(route);
        let answer = self.execute_all(std::slice::from_ref(query), in_transaction, work).await;
        let mut result = match answer {
            // The result is larger than a tablet gives at once: nothing was passed on yet, so stream it.
            Err(e) if is_row_limit(&e) && !route.is_locking => {
                return Box::pin(self.stream(route, std::slice::from_ref(query), sink)).await;
            }
            answer => answer?.pop().unwrap_or_default(),
        };
        if result.fields.is_empty() {
            return Ok(Outcome {
                affected_rows: result.rows_affected,
                insert_id: result.insert_id,
                info: result.info,
                ..Outcome::default()
            });
        }
        if route.hidden_columns > 0 {
            let keep = result.fields.len().saturating_sub(route.hidden_columns);
            result.fields.truncate(keep);
            result.rows.iter_mut().for_each(|row| super::merge::truncate(row, keep));
        }
        let count = result.rows.len() as u64;
        sink.fields(self.client_fields(&route.keyspace, result.fields)).await?;
        if count > 0 {
            sink.rows(result.rows).await?;
        }
        Ok(Outcome { has_rows: true, rows: count, insert_id: result.insert_id, ..Outcome::default() })
    }

    async fn stream(
        &mut self,
        route: &Route,
        queries: &[ShardQuery],
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        let in_transaction = self.route_in_transaction(route);
        let work = self.route_work(route);
        let openings: Vec<ShardQuery> = {
            let call = self.call(in_transaction, work);
            queries.iter().filter_map(|q| call.prepare_stream(&q.target)).collect()
        };
        if !openings.is_empty() {
            self.execute_all(&openings, in_transaction, work).await?;
        }
        let traced = self.trace_call();
        let call = self.call(in_transaction, work);
        let streams = futures::future::join_all(queries.iter().map(|q| call.stream(q))).await;
        let mut sources: Vec<Source> =
            streams.into_iter().collect::<Result<Vec<_>>>()?.into_iter().map(Source::new).collect();
        let mut counts = Vec::new();
        if let Some(traced) = traced {
            queries.iter().for_each(|query| self.traced(query, None, traced));
            counts = sources.iter_mut().map(Source::count_rows).collect();
        }
        let mut merge = Merge::new(sources, route);
        let fields = merge.fields().await?;
        sink.fields(self.client_fields(&route.keyspace, fields)).await?;
        let rows = merge.run(sink).await?;
        if let (Some(call), Some(trace)) = (traced, &mut self.session.trace) {
            for (query, count) in queries.iter().zip(counts) {
                trace.set_rows(call.number, &query.target, count.load(Ordering::Relaxed));
            }
        }
        Ok(Outcome { has_rows: true, rows, ..Outcome::default() })
    }

    fn call(&self, in_transaction: bool, work: Work) -> ShardCall<'_> {
        ShardCall { gateway: &self.executor.gateway, session: self.session, in_transaction, work, span: None }
    }
}

/// A tablet refuses results above its `--queryserver-config-max-result-size` in this way.
fn is_row_limit(e: &Error) -> bool {
    matches!(e.code(), vterrors::Code::Aborted | vterrors::Code::ResourceExhausted)
        && e.message().contains("Row count exceeded")
}
