//! Equalities, and what follows from them.

use std::collections::{BTreeMap, HashMap};

use super::TableId;
use crate::ValueRef;

/// A column of a table reference; the name in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ColumnKey {
    pub table: TableId,
    pub column: String,
}

/// Something that holds for every row that counts.
#[derive(Debug, Clone)]
pub(crate) enum Fact {
    Equal(ColumnKey, ColumnKey),
    Constant(ColumnKey, ValueRef),
    /// The column is in a list. `conjunct` is the condition's position in the WHERE of the statement's
    /// outermost block, when it is there: the list can then be split by shard.
    InList {
        column: ColumnKey,
        list: ValueRef,
        conjunct: Option<usize>,
    },
    /// The columns, together, are one of these tuples.
    OneOf {
        columns: Vec<ColumnKey>,
        tuples: Vec<Vec<ValueRef>>,
    },
}

/// A scope of facts, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScopeId(usize);

/// The tree of scopes.
#[derive(Debug, Default)]
pub(crate) struct FactScopes {
    scopes: Vec<(Option<ScopeId>, Vec<Fact>)>,
}

impl FactScopes {
    /// A new scope that sees those above it.
    pub fn open(&mut self, parent: Option<ScopeId>) -> ScopeId {
        self.scopes.push((parent, Vec::new()));
        ScopeId(self.scopes.len() - 1)
    }

    pub fn add(&mut self, scope: ScopeId, facts: impl IntoIterator<Item = Fact>) {
        self.scopes[scope.0].1.extend(facts);
    }

    /// Everything that a scope sees, drawn together.
    pub fn closure(&self, scope: ScopeId) -> Closure {
        let mut chain = Vec::new();
        let mut at = Some(scope);
        while let Some(id) = at {
            let (parent, facts) = &self.scopes[id.0];
            chain.push(facts);
            at = *parent;
        }
        // Outermost first, so that what the user wrote first is found first.
        Closure::new(chain.into_iter().rev().flatten())
    }
}

/// Classes of equal columns.
#[derive(Debug, Default)]
pub(crate) struct Closure {
    nodes: HashMap<ColumnKey, usize>,
    parents: Vec<usize>,
    constants: BTreeMap<usize, Vec<ValueRef>>,
    lists: Vec<(usize, ValueRef, Option<usize>)>,
    tuples: Vec<(Vec<usize>, Vec<Vec<ValueRef>>)>,
}

impl Closure {
    fn new<'a>(facts: impl Iterator<Item = &'a Fact> + Clone) -> Self {
        let mut out = Self::default();
        for fact in facts.clone() {
            if let Fact::Equal(a, b) = fact {
                let (a, b) = (out.node(a), out.node(b));
                out.join(a, b);
            }
        }
        for fact in facts {
            match fact {
                Fact::Equal(..) => {}
                Fact::Constant(column, value) => {
                    let class = out.class_or_new(column);
                    out.constants.entry(class).or_default().push(value.clone());
                }
                Fact::InList { column, list, conjunct } => {
                    let class = out.class_or_new(column);
                    out.lists.push((class, list.clone(), *conjunct));
                }
                Fact::OneOf { columns, tuples } => {
                    let classes = columns.iter().map(|c| out.class_or_new(c)).collect();
                    out.tuples.push((classes, tuples.clone()));
                }
            }
        }
        out
    }

    fn node(&mut self, key: &ColumnKey) -> usize {
        if let Some(node) = self.nodes.get(key) {
            return *node;
        }
        let node = self.parents.len();
        self.parents.push(node);
        self.nodes.insert(key.clone(), node);
        node
    }

    fn root(&self, mut node: usize) -> usize {
        while self.parents[node] != node {
            node = self.parents[node];
        }
        node
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[b.max(a)] = a.min(b);
    }

    fn class_or_new(&mut self, key: &ColumnKey) -> usize {
        let node = self.node(key);
        self.root(node)
    }

    fn class(&self, key: &ColumnKey) -> Option<usize> {
        self.nodes.get(key).map(|node| self.root(*node))
    }

    /// Whether two columns are equal in every row that counts.
    pub fn same(&self, a: &ColumnKey, b: &ColumnKey) -> bool {
        a == b || matches!((self.class(a), self.class(b)), (Some(a), Some(b)) if a == b)
    }

    /// The first constant that a column equals.
    pub fn constant(&self, key: &ColumnKey) -> Option<&ValueRef> {
        self.constants.get(&self.class(key)?)?.first()
    }

    /// A list that a column is in; one that can be split by shard is preferred.
    pub fn list(&self, key: &ColumnKey) -> Option<(&ValueRef, Option<usize>)> {
        let class = self.class(key)?;
        let mut lists: Vec<_> = self.lists.iter().filter(|(c, ..)| *c == class).collect();
        lists.sort_by_key(|(_, _, conjunct)| conjunct.is_none());
        lists.first().map(|(_, list, conjunct)| (list, *conjunct))
    }

    /// Tuples of values for exactly these columns, in this order.
    pub fn tuples(&self, keys: &[ColumnKey]) -> Option<Vec<Vec<ValueRef>>> {
        let wanted: Vec<usize> = keys.iter().map(|k| self.class(k)).collect::<Option<_>>()?;
        self.tuples.iter().find_map(|(classes, tuples)| {
            let places: Vec<usize> =
                wanted.iter().map(|w| classes.iter().position(|c| c == w)).collect::<Option<_>>()?;
            Some(tuples.iter().map(|tuple| places.iter().map(|at| tuple[*at].clone()).collect()).collect())
        })
    }
}
