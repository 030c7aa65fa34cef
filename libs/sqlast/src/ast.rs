//! The tree of a statement.
//!
//! What must hold: every type is `Clone + Eq + Hash + Debug`; a [`Span`] takes no part in equality, so
//! that a printed and re-parsed tree is equal to the first. Chains that users make long (AND, OR, UNION)
//! are flat lists, the depth of everything else is limited by the parser, so that no traversal, clone or
//! drop can overflow a stack. Parentheses are not kept: the printer puts those that are needed.
//! Names keep their bytes and their letter case; function names are lower-cased.

mod admin;
mod ddl;
mod dml;
mod expr;
mod ident;
mod literal;
mod query;
mod show;
mod vitess;

pub use admin::*;
pub use ddl::*;
pub use dml::*;
pub use expr::*;
pub use ident::*;
pub use literal::*;
pub use query::*;
pub use show::*;
pub use vitess::*;

use crate::text::Text;

/// One statement. What is not taken apart is [`Statement::Other`]: its first words and its whole text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Statement {
    /// SELECT, VALUES, TABLE, set operations, with or without WITH.
    Query(Box<Query>),
    /// INSERT and REPLACE.
    Insert(Box<Insert>),
    Update(Box<Update>),
    Delete(Box<Delete>),
    Set(Box<Set>),
    Show(Box<Show>),
    /// EXPLAIN, DESCRIBE and DESC, of a statement, a table or a connection.
    Explain(Box<Explain>),
    /// BEGIN and START TRANSACTION.
    Begin(Begin),
    Commit(TransactionEnd),
    Rollback(TransactionEnd),
    Savepoint(Ident),
    RollbackTo(Ident),
    ReleaseSavepoint(Ident),
    /// `USE name`, `USE ks:-80@replica`, or Vitess's bare `USE`; the target is not taken apart here.
    Use(Option<Ident>),
    Call(Box<Call>),
    Do(Vec<Expr>),
    Prepare(Box<Prepare>),
    Execute(Box<Execute>),
    Deallocate(Ident),
    LockTables(Vec<LockTable>),
    UnlockTables,
    Kill(Box<Kill>),
    LoadData(Box<LoadData>),
    CreateTable(Box<CreateTable>),
    AlterTable(Box<AlterTable>),
    DropTable(Box<DropTable>),
    TruncateTable(TableName),
    RenameTable(Vec<RenamePair>),
    CreateView(Box<CreateView>),
    DropView(Box<DropView>),
    CreateIndex(Box<CreateIndex>),
    DropIndex(Box<DropIndex>),
    CreateDatabase(Box<DatabaseDdl>),
    AlterDatabase(Box<DatabaseDdl>),
    DropDatabase(Box<DropDatabase>),
    /// ANALYZE, OPTIMIZE, REPAIR, CHECK, CHECKSUM TABLE.
    TableMaintenance(Box<TableMaintenance>),
    /// Vitess's VEXPLAIN.
    Vexplain(Box<Vexplain>),
    /// Vitess's ALTER VSCHEMA.
    AlterVschema(Box<AlterVschema>),
    /// Vitess's ALTER VITESS_MIGRATION, REVERT VITESS_MIGRATION.
    Migration(Box<Migration>),
    /// Everything else, kept whole.
    Other(Box<Other>),
    /// Nothing but space and comments.
    Empty,
}

/// A statement that is dispatched by its first words and passed on as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Other {
    /// What the first words say.
    pub kind: crate::preview::StatementKind,
    /// The first words, lower case, up to three, single spaces between: `create procedure`, `xa start`.
    pub words: Text,
    /// The statement's bytes without leading and trailing space and the final semicolon.
    pub text: Text,
}

/// A byte range of the source text, end exclusive. All spans are equal to each other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The bytes of `source` that this span covers; empty if `source` is not the text it was made from.
    pub fn of<'a>(&self, source: &'a [u8]) -> &'a [u8] {
        source.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Span {}

impl std::hash::Hash for Span {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

/// A lexical piece of a clause that is kept but not taken apart (partition definitions, options).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RawToken {
    /// A word, an operator or punctuation; reserved words in lower case, others as they are written.
    Word(Text),
    Ident(Ident),
    Literal(Literal),
    /// `@name`.
    UserVar(Ident),
    /// `@@name`.
    SysVar(Ident),
    Param(Param),
    /// A table's name, known to be one (so that it can be qualified or renamed).
    Table(TableName),
}

/// A clause kept as its tokens.
pub type Raw = Vec<RawToken>;
