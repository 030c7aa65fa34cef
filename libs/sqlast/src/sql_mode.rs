//! The sql_mode flags that change how a statement is read or has to be written.

/// A set of flags; the default is MySQL's default mode as far as lexing is concerned (none set).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SqlMode(u8);

impl SqlMode {
    /// `"x"` is an identifier.
    pub const ANSI_QUOTES: SqlMode = SqlMode(1);
    /// `||` is concatenation.
    pub const PIPES_AS_CONCAT: SqlMode = SqlMode(2);
    /// A backslash in a string is a backslash.
    pub const NO_BACKSLASH_ESCAPES: SqlMode = SqlMode(4);
    /// `name (` is a function call, too.
    pub const IGNORE_SPACE: SqlMode = SqlMode(8);
    /// NOT binds as `!` does.
    pub const HIGH_NOT_PRECEDENCE: SqlMode = SqlMode(16);
    /// REAL is FLOAT.
    pub const REAL_AS_FLOAT: SqlMode = SqlMode(32);

    /// Whether all flags of `other` are set.
    pub fn has(self, other: SqlMode) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets.
    pub fn with(self, other: SqlMode) -> SqlMode {
        SqlMode(self.0 | other.0)
    }

    /// The flags of a comma-separated list such as `@@sql_mode`; names that do not matter here are passed
    /// over, letter case does not count. `ANSI` is its parts.
    pub fn parse(list: &str) -> SqlMode {
        list.split(',').fold(SqlMode::default(), |mode, name| mode.with(Self::flag(name.trim())))
    }

    fn flag(name: &str) -> SqlMode {
        match name.to_ascii_uppercase().as_str() {
            "ANSI_QUOTES" => Self::ANSI_QUOTES,
            "PIPES_AS_CONCAT" => Self::PIPES_AS_CONCAT,
            "NO_BACKSLASH_ESCAPES" => Self::NO_BACKSLASH_ESCAPES,
            "IGNORE_SPACE" => Self::IGNORE_SPACE,
            "HIGH_NOT_PRECEDENCE" => Self::HIGH_NOT_PRECEDENCE,
            "REAL_AS_FLOAT" => Self::REAL_AS_FLOAT,
            "ANSI" | "DB2" | "MAXDB" | "MSSQL" | "ORACLE" | "POSTGRESQL" => Self::ANSI_QUOTES
                .with(Self::PIPES_AS_CONCAT)
                .with(Self::IGNORE_SPACE)
                .with(Self::REAL_AS_FLOAT),
            _ => SqlMode::default(),
        }
    }
}
