//! What is done with a query, decided from its text alone, and the cache of such decisions.
//!
//! A plan is data: the kind of statement and the text cut at its bind variables. Kinds are told apart by
//! the first words; the tablet does not parse, because vtgate already has.

mod cache;
mod kind;

pub use cache::PlanCache;
pub use kind::{Kind, Sequence, Step};

use serde::Serialize;
use vterrors::Result;

use super::bind::{self, BindVars, Escapes, Piece};

/// A text and what to do with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub sql: Box<str>,
    pub kind: Kind,
    pub pieces: Vec<Piece>,
}

impl Plan {
    pub fn new(sql: &str, escapes: Escapes) -> Self {
        Self { sql: sql.into(), kind: Kind::of(sql), pieces: bind::cut(sql, escapes) }
    }

    /// The text with its values, for a session that reads strings in the way of `target`.
    pub fn render(&self, vars: &BindVars, target: bind::Target<'_>) -> Result<Vec<u8>> {
        match self.pieces.as_slice() {
            [] | [Piece::Text(..)] => Ok(self.sql.as_bytes().to_vec()),
            // The plan was cut with backslash escapes; the session reads differently, and it matters.
            pieces if target.escapes == Escapes::QuotesOnly && self.sql.contains('\\') => {
                let recut = bind::cut(&self.sql, Escapes::QuotesOnly);
                bind::render(&self.sql, if recut.is_empty() { pieces } else { &recut }, vars, target)
            }
            pieces => bind::render(&self.sql, pieces, vars, target),
        }
    }

    /// What the plan takes in memory, roughly, in bytes.
    fn size(&self) -> usize {
        let names: usize = self
            .pieces
            .iter()
            .map(|p| match p {
                Piece::Text(..) => 0,
                Piece::Value { name, .. } | Piece::List(name) => name.len(),
            })
            .sum();
        size_of::<Self>() + 2 * self.sql.len() + names + self.pieces.len() * size_of::<Piece>() + 64
    }
}

#[cfg(test)]
mod tests;
