//! What a statement is, by its first words, without parsing it.

use crate::lexer::{Lexer, Tok};
use crate::parser::ParseOptions;

/// The kind of a statement, as Vitess's metrics and logs name them ([`StatementKind::name`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StatementKind {
    /// SELECT, VALUES, TABLE, WITH (a WITH may end in UPDATE or DELETE: only the parser knows).
    Select,
    Insert,
    Replace,
    Update,
    Delete,
    Set,
    Show,
    Use,
    Begin,
    Commit,
    Rollback,
    Savepoint,
    ReleaseSavepoint,
    /// CREATE, ALTER, DROP, TRUNCATE, RENAME.
    Ddl,
    /// EXPLAIN, DESCRIBE, DESC.
    Explain,
    Vexplain,
    Call,
    Do,
    Prepare,
    Execute,
    Deallocate,
    LockTables,
    UnlockTables,
    Kill,
    Load,
    Flush,
    /// ANALYZE, OPTIMIZE, REPAIR, CHECK, CHECKSUM.
    Maintenance,
    /// GRANT, REVOKE, and CREATE, ALTER, DROP, RENAME of USER and ROLE.
    Privilege,
    /// REVERT VITESS_MIGRATION and ALTER VITESS_MIGRATION.
    Migration,
    Xa,
    /// Nothing but space and comments.
    Empty,
    Other,
}

impl StatementKind {
    /// The name for metrics and logs, as Vitess has it where it has one.
    pub fn name(self) -> &'static str {
        match self {
            StatementKind::Select => "SELECT",
            StatementKind::Insert => "INSERT",
            StatementKind::Replace => "REPLACE",
            StatementKind::Update => "UPDATE",
            StatementKind::Delete => "DELETE",
            StatementKind::Set => "SET",
            StatementKind::Show => "SHOW",
            StatementKind::Use => "USE",
            StatementKind::Begin => "BEGIN",
            StatementKind::Commit => "COMMIT",
            StatementKind::Rollback => "ROLLBACK",
            StatementKind::Savepoint => "SAVEPOINT",
            StatementKind::ReleaseSavepoint => "RELEASE",
            StatementKind::Ddl => "DDL",
            StatementKind::Explain => "EXPLAIN",
            StatementKind::Vexplain => "VEXPLAIN",
            StatementKind::Call => "CALL_PROC",
            StatementKind::Do => "DO",
            StatementKind::Prepare => "PREPARE",
            StatementKind::Execute => "EXECUTE",
            StatementKind::Deallocate => "DEALLOCATE PREPARE",
            StatementKind::LockTables => "LOCK_TABLES",
            StatementKind::UnlockTables => "UNLOCK_TABLES",
            StatementKind::Kill => "KILL",
            StatementKind::Load => "LOAD",
            StatementKind::Flush => "FLUSH",
            StatementKind::Maintenance => "MAINTENANCE",
            StatementKind::Privilege => "PRIV",
            StatementKind::Migration => "MIGRATION",
            StatementKind::Xa => "XA",
            StatementKind::Empty => "EMPTY",
            StatementKind::Other => "OTHER",
        }
    }
}

/// The kind of a statement by its first words, comments and opening parentheses passed over.
pub fn preview(sql: &[u8]) -> StatementKind {
    let mut lexer = Lexer::new(sql, &ParseOptions::default());
    let mut words: [&[u8]; 2] = [b"", b""];
    let mut count = 0;
    let mut parens = false;
    while count < words.len() {
        let lexeme = lexer.next();
        match lexeme.tok {
            Tok::Comment => {}
            Tok::LeftParen if count == 0 => parens = true,
            Tok::Word => {
                words[count] = &sql[lexeme.start..lexeme.end];
                count += 1;
            }
            Tok::End | Tok::Semicolon if count == 0 && !parens => return StatementKind::Empty,
            _ => break,
        }
    }
    if count == 0 { StatementKind::Other } else { kind_of_words(words[0], words[1]) }
}

/// Longer words begin no statement.
const LONGEST: usize = 24;

fn lower(word: &[u8]) -> [u8; LONGEST] {
    let mut buffer = [0; LONGEST];
    if word.len() <= LONGEST {
        for (to, from) in buffer.iter_mut().zip(word) {
            *to = from.to_ascii_lowercase();
        }
    }
    buffer
}

/// The kind by the first two words, the second empty if there is none.
pub(crate) fn kind_of_words(first: &[u8], second: &[u8]) -> StatementKind {
    let buffers = (lower(first), lower(second));
    let first = buffers.0.get(..first.len()).unwrap_or_default();
    let second = buffers.1.get(..second.len()).unwrap_or_default();
    match first {
        b"select" | b"values" | b"table" | b"with" | b"stream" => StatementKind::Select,
        b"insert" => StatementKind::Insert,
        b"replace" => StatementKind::Replace,
        b"update" => StatementKind::Update,
        b"delete" => StatementKind::Delete,
        b"set" => StatementKind::Set,
        b"show" => StatementKind::Show,
        b"use" => StatementKind::Use,
        b"begin" => StatementKind::Begin,
        b"start" if second == b"transaction" => StatementKind::Begin,
        b"commit" => StatementKind::Commit,
        b"rollback" => StatementKind::Rollback,
        b"savepoint" => StatementKind::Savepoint,
        b"release" => StatementKind::ReleaseSavepoint,
        b"alter" | b"revert" if second == b"vitess_migration" => StatementKind::Migration,
        b"create" | b"alter" | b"drop" | b"rename" if matches!(second, b"user" | b"role") => {
            StatementKind::Privilege
        }
        b"drop" if second == b"prepare" => StatementKind::Deallocate,
        b"create" | b"alter" | b"drop" | b"truncate" | b"rename" => StatementKind::Ddl,
        b"explain" | b"describe" | b"desc" => StatementKind::Explain,
        b"vexplain" => StatementKind::Vexplain,
        b"call" => StatementKind::Call,
        b"do" => StatementKind::Do,
        b"prepare" => StatementKind::Prepare,
        b"execute" => StatementKind::Execute,
        b"deallocate" => StatementKind::Deallocate,
        b"lock" if matches!(second, b"table" | b"tables") => StatementKind::LockTables,
        b"unlock" if matches!(second, b"table" | b"tables") => StatementKind::UnlockTables,
        b"kill" => StatementKind::Kill,
        b"load" => StatementKind::Load,
        b"flush" => StatementKind::Flush,
        b"analyze" | b"optimize" | b"repair" | b"check" | b"checksum" => StatementKind::Maintenance,
        b"grant" | b"revoke" => StatementKind::Privilege,
        b"xa" => StatementKind::Xa,
        _ => StatementKind::Other,
    }
}

/// Whether a statement that the parser does not read may be passed on whole: not if it is of a kind whose
/// grammar is complete here, and not if MySQL has no statement that begins so.
pub(crate) fn may_be_kept_whole(kind: StatementKind, first: &str) -> bool {
    /// First words of statements that are never taken apart.
    const OTHERS: [&str; 23] = [
        "handler",
        "lock",
        "unlock",
        "start",
        "stop",
        "reset",
        "change",
        "purge",
        "binlog",
        "install",
        "uninstall",
        "shutdown",
        "restart",
        "clone",
        "signal",
        "resignal",
        "get",
        "help",
        "cache",
        "import",
        "repair",
        "checksum",
        "load",
    ];
    match kind {
        StatementKind::Ddl
        | StatementKind::Privilege
        | StatementKind::Flush
        | StatementKind::Maintenance
        | StatementKind::Xa
        | StatementKind::Load => true,
        StatementKind::Other => OTHERS.contains(&first),
        _ => false,
    }
}
