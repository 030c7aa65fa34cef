//! In which order the reads are done, and which of them can be narrowed by what was read before.

use super::{Gatherer, filters::Link, scan};
use crate::{ByKeys, GatherStep, Load, Primitive, Routing};

/// What is known about a [`Load`], beside the plan.
#[derive(Debug, Clone)]
pub(super) struct Read {
    /// The temporary table's name.
    pub name: String,
    /// The block that the reference is in.
    pub block: usize,
    /// The alias, in lower case.
    pub alias: String,
    pub links: Vec<Link>,
    pub query: sqlast::ast::Query,
    pub has_conditions: bool,
}

impl Gatherer<'_> {
    /// Puts reads of few rows first, and after each one those that it narrows. Steps that are no reads stay
    /// where they are.
    pub(super) fn order_reads(&mut self) {
        let steps = std::mem::take(&mut self.steps);
        let mut segment: Vec<Load> = Vec::new();
        for step in steps {
            match step {
                GatherStep::Load(load) => segment.push(*load),
                other => {
                    self.place(std::mem::take(&mut segment));
                    self.steps.push(other);
                }
            }
        }
        self.place(segment);
    }

    fn place(&mut self, mut waiting: Vec<Load>) {
        while !waiting.is_empty() {
            let next = (0..waiting.len()).min_by_key(|at| self.cost(&waiting[*at])).unwrap_or_default();
            let mut load = waiting.remove(next);
            load.by_keys = self.narrowed(&load);
            self.steps.push(GatherStep::Load(Box::new(load)));
        }
    }

    fn read(&self, name: &str) -> Option<&Read> {
        self.reads.iter().find(|r| r.name == name)
    }

    /// The link of a read to one that is done, and that one.
    fn link_of<'s>(&'s self, load: &Load) -> Option<(&'s Link, &'s Load)> {
        let read = self.read(&load.name)?;
        read.links.iter().find_map(|link| {
            let done = self.steps.iter().find_map(|step| match step {
                GatherStep::Load(done) => {
                    let other = self.read(&done.name)?;
                    (other.block == read.block && other.alias == link.other).then_some(&**done)
                }
                _ => None,
            })?;
            Some((link, done))
        })
    }

    /// How many rows a read is thought to bring: the lower, the sooner it is done.
    fn cost(&self, load: &Load) -> u8 {
        let routing = match &load.input {
            Primitive::Route(route) => Some(&route.routing),
            _ => None,
        };
        let filtered = self.read(&load.name).is_some_and(|r| r.has_conditions);
        match routing {
            Some(Routing::EqualUnique { .. } | Routing::SameShard { .. }) => 0,
            Some(routing @ Routing::Lookup(_)) => 1 - u8::from(routing.is_single_shard()),
            Some(Routing::In { .. } | Routing::MultiEqual { .. } | Routing::SubShard { .. }) => 1,
            _ if self.link_of(load).is_some() => 2,
            _ if filtered => 3,
            _ => 4,
        }
    }

    fn narrowed(&self, load: &Load) -> Option<ByKeys> {
        if self.cost(load) == 0 {
            return None;
        }
        let (link, done) = self.link_of(load)?;
        let column = done.shape.names().iter().position(|c| c.to_lowercase() == link.column)?;
        let read = self.read(&load.name)?;
        let bind = format!("{}_keys", load.name);
        // A read that was planned once is planned with one more condition, too; if not, all of it is read.
        let input = scan::by_keys(self.ctx, &read.query, &link.own, &bind).ok()?;
        Some(ByKeys { from: done.name.clone(), column, bind, input })
    }
}
