//! Statements that only Vitess has: VEXPLAIN, ALTER VSCHEMA, migrations.

use super::{Comments, Ident, Raw, Statement, TableName};
use crate::text::Text;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Vexplain {
    pub comments: Comments,
    pub kind: VexplainKind,
    pub statement: Statement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VexplainKind {
    /// Also where no word is said.
    Plan,
    Queries,
    All,
    Trace,
    Keys,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AlterVschema {
    CreateVindex {
        vindex: TableName,
        spec: VindexSpec,
    },
    DropVindex {
        vindex: TableName,
    },
    AddTable(TableName),
    DropTable(TableName),
    /// `ON table ADD VINDEX name (columns) [USING type WITH ...]`.
    AddColVindex {
        table: TableName,
        vindex: Ident,
        columns: Vec<Ident>,
        spec: Option<VindexSpec>,
    },
    /// `ON table DROP VINDEX name`.
    DropColVindex {
        table: TableName,
        vindex: Ident,
    },
    /// `ADD SEQUENCE table`.
    AddSequence(TableName),
    DropSequence(TableName),
    /// `ON table ADD AUTO_INCREMENT column USING sequence`.
    AddAutoIncrement {
        table: TableName,
        column: Ident,
        sequence: TableName,
    },
    DropAutoIncrement {
        table: TableName,
    },
}

/// `USING type WITH name = value, ...`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VindexSpec {
    /// None where only the name of the vindex says its type.
    pub kind: Option<Ident>,
    pub params: Vec<(Ident, Text)>,
}

/// `ALTER VITESS_MIGRATION ...` and `REVERT VITESS_MIGRATION ...`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Migration {
    /// REVERT.
    pub revert: bool,
    /// None for `... ALL`.
    pub uuid: Option<Text>,
    /// The words after it: `cleanup`, `launch`, `throttle expire '1h' ratio 0.7`, ...
    pub command: Raw,
}
