//! What the shards would be sent for a plan, in the order of its steps.

use std::{collections::BTreeMap, sync::Arc};

use planner::{
    Dml, Gather, GatherStep, Generate, Insert, InsertRow, InsertRows, InsertRowsOf, KeyedDml, LIST_VALUES,
    Limit, LookupChange, LookupRead, LookupTable, MoveRows, Normalized, Plan, PlanContext, Primitive, Route,
    Routing, SameShardPart, Send, SendTo, SessionValue, UPPER_LIMIT, ValueRef, VindexRef,
};
use sqltypes::{BindValue, BindVars, Type};
use vschema::{ShardTable, VindexValue};
use vterrors::Result;
use vtmodel::TargetString;

use crate::{
    executor::{
        binds,
        run::resolve::{Destination, Resolved, by_name, resolve},
    },
    layout::Layout,
    text::filled,
};

/// The list of values that a lookup is asked for.
const LOOKED_UP: &str = "__vt_values";

/// A query to one tablet.
#[derive(Debug, Clone)]
pub struct Query {
    /// Which step sends it, from 1; the queries of one step are sent together.
    pub time: usize,
    pub keyspace: String,
    pub to: To,
    /// As the tablet gets it, with bind variables.
    pub sql: String,
    /// The bind variables that it names, as far as known.
    pub values: BindVars,
    /// As its mysqld gets it.
    pub filled: String,
}

/// Where a query goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    Shard(String),
    /// What cannot be told without rows.
    Known {
        by: String,
    },
}

/// The queries, or that the plan does not fit the values: vtgate plans again without them.
#[derive(Debug)]
pub enum Walked {
    Queries(Vec<Query>),
    PlanAgain,
}

/// The queries of a plan with these values.
///
/// # Errors
/// What vtgate answers before it sends anything: a value that has no keyspace id, say.
pub fn queries(
    plan: &Plan,
    mut values: BindVars,
    layout: &Layout,
    context: PlanContext<'_>,
    target: &TargetString,
) -> Result<Walked> {
    for bind in &plan.session_values {
        if bind.value == SessionValue::Database {
            let value = match target.keyspace.is_empty() {
                true => BindValue::NULL,
                false => BindValue::text(target.to_string().into_bytes()),
            };
            values.insert(bind.bind.clone(), value.into());
        }
    }
    let context = PlanContext { keyspace: None, shard: None, ..context };
    let mut walk = Walk { layout, context, values, queries: Vec::new(), time: 0, plan_again: false };
    walk.primitive(&plan.root)?;
    Ok(match walk.plan_again {
        true => Walked::PlanAgain,
        false => Walked::Queries(walk.queries),
    })
}

struct Walk<'a> {
    layout: &'a Layout,
    /// For the statements that vtgate makes itself.
    context: PlanContext<'a>,
    values: BindVars,
    queries: Vec<Query>,
    time: usize,
    plan_again: bool,
}

/// Where the queries of a step go.
enum Found {
    Shards(Vec<Destination>),
    By(String),
}

fn by_rows() -> Found {
    Found::By("the rows read before".to_owned())
}

impl Walk<'_> {
    fn primitive(&mut self, primitive: &Primitive) -> Result<()> {
        match primitive {
            Primitive::Route(route) => self.route(route),
            Primitive::Limit(limit) => self.limit(limit),
            Primitive::Aggregate(aggregate) => self.primitive(&aggregate.input),
            Primitive::Sort(sort) => self.primitive(&sort.input),
            Primitive::Project(project) => self.primitive(&project.input),
            Primitive::Join(join) => {
                self.primitive(&join.left)?;
                self.primitive(join.by_keys.as_ref().map_or(&join.right, |keys| &keys.input))
            }
            Primitive::Concat(concat) => concat.inputs.iter().try_for_each(|input| self.primitive(input)),
            Primitive::ValuesFirst(first) => {
                first.subqueries.iter().try_for_each(|subquery| self.primitive(&subquery.input))?;
                self.primitive(&first.input)
            }
            Primitive::Gather(gather) => self.gather(gather),
            Primitive::All(writes) => writes.iter().try_for_each(|write| self.primitive(write)),
            Primitive::ChangeTables(changes) => changes.iter().try_for_each(|change| self.keyed(change)),
            Primitive::IntoVariables(into) => self.primitive(&into.input),
            Primitive::AssignVariables(assign) => self.primitive(&assign.input),
            Primitive::VindexFunc(func) => match func.lookup.clone() {
                None => Ok(()),
                Some(lookup) => self.read_lookup(&LookupRead { lookup, values: func.values.clone() }),
            },
            Primitive::Locks(locks) => {
                let shards = self.layout.shards(&locks.keyspace)?;
                let first = Found::Shards(vec![Destination { shard: 0, list: None }]);
                self.add(&locks.keyspace, &shards, first, &locks.query);
                Ok(())
            }
            Primitive::Insert(insert) => self.insert(insert),
            Primitive::Update(dml) | Primitive::Delete(dml) => self.dml(dml),
            Primitive::KeyedDml(dml) => self.keyed(dml),
            Primitive::MoveRows(moved) => self.moved(moved),
            Primitive::InsertRowsOf(insert) => self.insert_rows(insert),
            Primitive::EachRow(each) => {
                self.primitive(&each.rows.input)?;
                self.primitive(&each.write)
            }
            Primitive::Upsert(upsert) => upsert.rows.iter().try_for_each(|row| {
                row.conflicts.iter().try_for_each(|c| self.primitive(&c.find))?;
                self.primitive(&row.insert)
            }),
            Primitive::Send(send) => self.send(send),
            Primitive::Rows(_) => Ok(()),
        }
    }

    fn route(&mut self, route: &Route) -> Result<()> {
        let shards = self.layout.shards(&route.keyspace)?;
        let Some(system) = &route.system_schema else {
            let found = self.find(&route.routing, &shards)?;
            self.add(&route.keyspace, &shards, found, &route.query);
            return Ok(());
        };
        let names =
            system.schemas.iter().map(|name| binds::value(name, &self.values)).collect::<Result<Vec<_>>>()?;
        let asked = names.first().map(|(_, name)| String::from_utf8_lossy(name).into_owned());
        let keyspace = asked.clone().filter(|name| self.layout.has_keyspace(name));
        let name = match (&keyspace, asked) {
            (None, Some(other)) => other,
            (keyspace, _) => vtmodel::default_db_name(keyspace.as_ref().unwrap_or(&route.keyspace)),
        };
        let known = keyspace.as_ref().map_or(route.keyspace.clone(), Clone::clone);
        let known = if vtmodel::is_default_db_name(&name, &known) { known } else { name.clone() };
        for (bind, value) in [(planner::SCHEMA_NAME, name), (planner::KEYSPACE_NAME, known)] {
            self.values.insert(bind.to_owned(), BindValue::text(value.into_bytes()).into());
        }
        let (keyspace, found) = match keyspace {
            Some(other) if other != route.keyspace => {
                (other, Found::Shards(vec![Destination { shard: 0, list: None }]))
            }
            _ => (route.keyspace.clone(), self.find(&route.routing, &shards)?),
        };
        let shards = self.layout.shards(&keyspace)?;
        self.add(&keyspace, &shards, found, &route.query);
        Ok(())
    }

    fn limit(&mut self, limit: &Limit) -> Result<()> {
        let number = |value: &ValueRef| -> Result<Option<u64>> {
            if missing_value(value, &self.values).is_some() {
                return Ok(None);
            }
            let (_, digits) = binds::value(value, &self.values)?;
            Ok(String::from_utf8_lossy(&digits).parse().ok())
        };
        let offset = limit.offset.as_ref().map_or(Ok(Some(0)), number)?;
        if let (Some(count), Some(offset)) = (number(&limit.count)?, offset) {
            let upper = BindValue::uint64(count.saturating_add(offset));
            self.values.insert(UPPER_LIMIT.to_owned(), upper.into());
        }
        self.primitive(&limit.input)
    }

    fn gather(&mut self, gather: &Gather) -> Result<()> {
        let shards = self.layout.shards(&gather.keyspace)?;
        let one = || Found::Shards(vec![Destination { shard: 0, list: None }]);
        for step in &gather.steps {
            match step {
                GatherStep::Load(load) => match &load.by_keys {
                    Some(keys) => self.primitive(&keys.input)?,
                    None => self.primitive(&load.input)?,
                },
                GatherStep::Materialize { query, .. } => self.add(&gather.keyspace, &shards, one(), query),
                GatherStep::Copy { .. } => {}
            }
        }
        self.add(&gather.keyspace, &shards, one(), &gather.query);
        Ok(())
    }

    fn dml(&mut self, dml: &Dml) -> Result<()> {
        let shards = self.layout.shards(&dml.keyspace)?;
        let found = self.find(&dml.routing, &shards)?;
        self.add(&dml.keyspace, &shards, found, &dml.query);
        Ok(())
    }

    fn keyed(&mut self, dml: &KeyedDml) -> Result<()> {
        self.primitive(&dml.input)?;
        let shards = self.layout.shards(&dml.keyspace)?;
        let set: Vec<_> = dml.new_values.iter().map(|column| format!("{column} = ...")).collect();
        let set = if set.is_empty() { String::new() } else { format!(" set {}", set.join(", ")) };
        let sql = format!("{}{set} where ({}) in (...)", dml.query, dml.key.join(", "));
        self.write_lookups(&dml.lookups)?;
        self.add(&dml.keyspace, &shards, by_rows(), &sql);
        Ok(())
    }

    fn moved(&mut self, moved: &MoveRows) -> Result<()> {
        self.primitive(&moved.input)?;
        let shards = self.layout.shards(&moved.keyspace)?;
        self.write_lookups(&moved.lookups)?;
        let delete = format!("{} where ({}) in (...)", moved.delete, moved.key.join(", "));
        self.add(&moved.keyspace, &shards, by_rows(), &delete);
        self.add(&moved.keyspace, &shards, by_rows(), &format!("{}(...)", moved.insert));
        Ok(())
    }

    fn insert_rows(&mut self, insert: &InsertRowsOf) -> Result<()> {
        self.primitive(&insert.rows.input)?;
        if let Some(generate) = &insert.generate {
            let shards = self.layout.shards(&generate.keyspace)?;
            let found = Found::Shards(vec![Destination { shard: 0, list: None }]);
            self.add(&generate.keyspace, &shards, found, &generate.query);
        }
        self.write_lookups(&insert.lookups)?;
        let shards = self.layout.shards(&insert.keyspace)?;
        let sql = format!("{}(...){}", insert.prefix, insert.suffix);
        self.add(&insert.keyspace, &shards, by_rows(), &sql);
        Ok(())
    }

    fn send(&mut self, send: &Send) -> Result<()> {
        let shards = self.layout.shards(&send.keyspace)?;
        let places = match &send.destination {
            SendTo::AllShards => (0..shards.all().len()).collect(),
            SendTo::AnyShard => vec![0],
            SendTo::Shard(name) => vec![by_name(&shards, name)?],
        };
        let found = places.into_iter().map(|shard| Destination { shard, list: None }).collect();
        self.add(&send.keyspace, &shards, Found::Shards(found), &send.query);
        Ok(())
    }

    fn insert(&mut self, insert: &Insert) -> Result<()> {
        if let Some(generate) = &insert.generate {
            self.generate(generate)?;
        }
        self.write_lookups(&insert.lookups)?;
        let shards = self.layout.shards(&insert.keyspace)?;
        match &insert.rows {
            InsertRows::Whole { routing, query } => {
                let found = self.find(routing, &shards)?;
                self.add(&insert.keyspace, &shards, found, query);
            }
            InsertRows::Sharded { prefix, rows, suffix, .. } if self.unknown(rows) => {
                let rows: Vec<_> = rows.iter().map(|row| row.text.as_str()).collect();
                let sql = format!("{prefix}{}{suffix}", rows.join(", "));
                self.add(&insert.keyspace, &shards, by_rows(), &sql);
            }
            InsertRows::Sharded { vindex, prefix, rows, suffix } => {
                let mut dealt: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
                for row in rows {
                    if let Some(place) = self.place(insert, vindex, row, &shards)? {
                        dealt.entry(place).or_default().push(&row.text);
                    }
                }
                self.time += 1;
                for (shard, rows) in dealt {
                    let sql = format!("{prefix}{}{suffix}", rows.join(", "));
                    self.push(&insert.keyspace, To::Shard(shards.all()[shard].name.clone()), &sql, None);
                }
            }
        }
        Ok(())
    }

    /// Whether rows go where only other rows tell.
    fn unknown(&self, rows: &[InsertRow]) -> bool {
        rows.iter().any(|row| row.vindex_values.iter().any(|v| missing_value(v, &self.values).is_some()))
    }

    /// The shard of a row; none where IGNORE leaves it out. Sets the variables of the vindex's columns.
    fn place(
        &mut self,
        insert: &Insert,
        vindex: &VindexRef,
        row: &InsertRow,
        shards: &ShardTable,
    ) -> Result<Option<usize>> {
        let values =
            row.vindex_values.iter().map(|v| binds::value(v, &self.values)).collect::<Result<Vec<_>>>()?;
        let views: Vec<_> = values.iter().map(|(ty, bytes)| VindexValue::new(*ty, bytes)).collect();
        let id = match vindex.vindex.map_write(&views, &vindex.columns) {
            Ok(id) => id,
            Err(_) if insert.ignore => return Ok(None),
            Err(e) => return Err(e.context(format!("table {}.{}", insert.keyspace, insert.table))),
        };
        for (bind, (ty, bytes)) in row.vindex_binds.iter().zip(values) {
            self.values.insert(bind.clone(), BindValue::Scalar(ty, bytes).into());
        }
        Ok(Some(shards.index_of(&id)))
    }

    /// Values of a sequence that would begin with 1.
    fn generate(&mut self, generate: &Generate) -> Result<()> {
        if generate.values.iter().any(|v| missing_value(v, &self.values).is_some()) {
            let shards = self.layout.shards(&generate.keyspace)?;
            let found = Found::Shards(vec![Destination { shard: 0, list: None }]);
            self.add(&generate.keyspace, &shards, found, &generate.query);
            return Ok(());
        }
        let values =
            generate.values.iter().map(|v| binds::value(v, &self.values)).collect::<Result<Vec<_>>>()?;
        let mut next = 0;
        for (row, (ty, bytes)) in values.into_iter().enumerate() {
            let lacks = ty == Type::NullType || &bytes[..] == b"0";
            next += u64::from(lacks);
            let value = if lacks { BindValue::uint64(next) } else { BindValue::Scalar(ty, bytes) };
            self.values.insert(planner::sequence_bind(row), value.into());
        }
        if next > 0 {
            let shards = self.layout.shards(&generate.keyspace)?;
            self.values.insert("n".to_owned(), BindValue::uint64(next).into());
            let found = Found::Shards(vec![Destination { shard: 0, list: None }]);
            self.add(&generate.keyspace, &shards, found, &generate.query);
            self.values.remove("n");
        }
        Ok(())
    }

    fn find(&mut self, routing: &Routing, shards: &Arc<ShardTable>) -> Result<Found> {
        if let Routing::Lookup(read) = routing {
            self.read_lookup(read)?;
            return Ok(Found::By(format!("the lookup {}", read.lookup.name)));
        }
        if let Some(name) = missing(routing, &self.values) {
            return Ok(Found::By(format!("the value of :{name}")));
        }
        Ok(match resolve(routing, shards, &self.values)? {
            Resolved::Shards(found) => Found::Shards(found),
            Resolved::PlanAgain => {
                self.plan_again = true;
                Found::Shards(Vec::new())
            }
        })
    }

    /// The query of a lookup's table, which vtgate plans as any other.
    fn read_lookup(&mut self, read: &LookupRead) -> Result<()> {
        let LookupTable { table, from, to, .. } = &read.lookup;
        let from = from.first().map(String::as_str).unwrap_or_default();
        let sql = format!("select {to} from {table} where {from} in ::{LOOKED_UP}");
        let normalized = Normalized::parse(sql.as_bytes(), &sqlast::ParseOptions::default())?;
        let plan =
            planner::plan(&normalized, &self.context).map_err(|e| e.context("a lookup vindex's table"))?;
        if missing_value(&read.values, &self.values).is_none() {
            let values = binds::list(&read.values, &self.values)?;
            self.values.insert(LOOKED_UP.to_owned(), BindValue::List(values).into());
        }
        self.primitive(&plan.root)?;
        self.values.remove(LOOKED_UP);
        Ok(())
    }

    /// The entries that a write makes in lookups, and those that it removes: whose they are, rows tell.
    fn write_lookups(&mut self, changes: &[LookupChange]) -> Result<()> {
        for LookupChange { lookup, old, new, .. } in changes {
            let keyspace = lookup.table.split('.').next().unwrap_or_default().trim_matches('`');
            let shards = self.layout.shards(keyspace)?;
            let columns = lookup.from.join(", ");
            let place = || match shards.only() {
                Some(_) => Found::Shards(vec![Destination { shard: 0, list: None }]),
                None => by_rows(),
            };
            if old.is_some() {
                let sql = format!("delete from {} where ({columns}, {}) = (...)", lookup.table, lookup.to);
                self.add(keyspace, &shards, place(), &sql);
            }
            if new.is_some() {
                let sql = format!("insert into {}({columns}, {}) values (...)", lookup.table, lookup.to);
                self.add(keyspace, &shards, place(), &sql);
            }
        }
        Ok(())
    }

    /// The queries of a step.
    fn add(&mut self, keyspace: &str, shards: &ShardTable, found: Found, sql: &str) {
        self.time += 1;
        match found {
            Found::By(by) => self.push(keyspace, To::Known { by }, sql, None),
            Found::Shards(destinations) => {
                for Destination { shard, list } in destinations {
                    let to = To::Shard(shards.all()[shard].name.clone());
                    self.push(keyspace, to, sql, list.map(BindValue::List));
                }
            }
        }
    }

    fn push(&mut self, keyspace: &str, to: To, sql: &str, list: Option<BindValue>) {
        let mut values = binds::used(sql, &self.values);
        if let Some(list) = list {
            values.insert(LIST_VALUES.to_owned(), list.into());
        }
        let filled = filled(sql, &values);
        let (time, keyspace, sql) = (self.time, keyspace.to_owned(), sql.to_owned());
        self.queries.push(Query { time, keyspace, to, sql, values, filled });
    }
}

/// A variable that the routing needs and that has no value: it comes with rows, or with the client.
fn missing(routing: &Routing, values: &BindVars) -> Option<String> {
    let any = |refs: &[ValueRef]| refs.iter().find_map(|r| missing_value(r, values));
    match routing {
        Routing::EqualUnique { values, .. } | Routing::SubShard { values, .. } => any(values),
        Routing::In { values: list, .. } => missing_value(list, values),
        Routing::MultiEqual { tuples, .. } => tuples.iter().find_map(|tuple| any(tuple)),
        Routing::SameShard { parts } => parts.iter().find_map(|part| match part {
            SameShardPart::Vindex { values, .. } => any(values),
            SameShardPart::KeyspaceId(_) => None,
        }),
        Routing::Unsharded
        | Routing::Lookup(_)
        | Routing::KeyspaceIds(_)
        | Routing::KeyspaceId(_)
        | Routing::Scatter
        | Routing::AnyShard
        | Routing::Reference
        | Routing::ByTarget { .. } => None,
    }
}

fn missing_value(reference: &ValueRef, values: &BindVars) -> Option<String> {
    match reference {
        ValueRef::Bind(name) | ValueRef::ListBind(name) => (!values.contains_key(name)).then(|| name.clone()),
        ValueRef::List(items) => items.iter().find_map(|item| missing_value(item, values)),
        ValueRef::Null | ValueRef::Literal(_) => None,
    }
}
