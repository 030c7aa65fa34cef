//! The table of conditions. Numbers and states are MySQL's own (its error message reference) and the
//! gRPC codes Vitess answers with (`interop/README.md`).

use proto::vtrpc::Code;

/// What went wrong, as far as a caller decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// A mysqld said so; errno and text are its own.
    Mysql,
    SyntaxError,
    UnknownKeyspace,
    NoKeyspaceSelected,
    UnknownTable,
    UnknownColumn,
    AmbiguousColumn,
    AmbiguousTable,
    WrongArguments,
    /// A row with more or fewer values than columns.
    WrongValueCount,
    UnknownVariable,
    UnknownCommand,
    AccessDenied,
    Unsupported,
    InvalidArgument,
    NotFound,
    AlreadyExists,
    /// A value changed since it was read: compare-and-swap failed.
    BadVersion,
    FailedPrecondition,
    /// This tablet or shard does not serve now; another may, or this one soon.
    NotServing,
    /// The tablet serves, but as another type.
    WrongTabletType,
    /// No tablet is known that serves the target.
    NoHealthyTablet,
    /// The peer could not be reached; nothing was executed.
    Unreachable,
    /// The peer went away in mid-call; it is not known what was executed.
    ConnectionLost,
    /// A transaction or a reserved connection that does not exist (any more).
    TransactionGone,
    ReadOnlyTransaction,
    Timeout,
    QueryInterrupted,
    PoolFull,
    TooManyRows,
    PacketTooLarge,
    TooManyConnections,
    ServerShutdown,
    ReadOnly,
    LockWait,
    Internal,
}

/// Whether a failed request may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The answer would be the same, or something may have been written.
    Never,
    /// Nothing was executed; another tablet, or this one later, may answer.
    Elsewhere,
}

/// How loudly the place that handles the error logs it. A user's mistake is not an operator's problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Debug,
    Warn,
    Error,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub code: Code,
    pub errno: u16,
    pub sqlstate: &'static [u8; 5],
    pub retry: Retry,
    pub log: LogLevel,
    /// Whether the numbers travel in the text of a gRPC error, because the code alone would lose them.
    pub on_wire: bool,
}

const fn user(code: Code, errno: u16, sqlstate: &'static [u8; 5]) -> Spec {
    Spec { code, errno, sqlstate, retry: Retry::Never, log: LogLevel::Debug, on_wire: true }
}

const fn system(code: Code, errno: u16, sqlstate: &'static [u8; 5], retry: Retry, log: LogLevel) -> Spec {
    Spec { code, errno, sqlstate, retry, log, on_wire: false }
}

impl Condition {
    /// The table.
    pub const fn spec(self) -> Spec {
        use Code::*;
        use Condition as C;
        use LogLevel::{Debug, Error, Warn};
        use Retry::{Elsewhere, Never};
        match self {
            C::Mysql => system(Unknown, 1105, b"HY000", Never, Debug),
            C::SyntaxError => user(InvalidArgument, 1064, b"42000"),
            C::UnknownKeyspace => user(NotFound, 1049, b"42000"),
            C::NoKeyspaceSelected => user(FailedPrecondition, 1046, b"3D000"),
            C::UnknownTable => user(NotFound, 1146, b"42S02"),
            C::UnknownColumn => user(NotFound, 1054, b"42S22"),
            C::AmbiguousColumn => user(InvalidArgument, 1052, b"23000"),
            C::AmbiguousTable => user(InvalidArgument, 1066, b"42000"),
            C::WrongValueCount => user(InvalidArgument, 1136, b"21S01"),
            C::WrongArguments => user(InvalidArgument, 1210, b"HY000"),
            C::UnknownVariable => user(NotFound, 1193, b"HY000"),
            C::UnknownCommand => user(Unimplemented, 1047, b"08S01"),
            C::AccessDenied => user(PermissionDenied, 1045, b"28000"),
            C::Unsupported => user(Unimplemented, 1235, b"42000"),
            C::InvalidArgument => system(InvalidArgument, 1105, b"HY000", Never, Debug),
            C::NotFound => system(NotFound, 1105, b"HY000", Never, Debug),
            C::AlreadyExists => system(AlreadyExists, 1105, b"HY000", Never, Debug),
            C::BadVersion => system(Aborted, 1105, b"HY000", Never, Debug),
            C::FailedPrecondition => system(FailedPrecondition, 1105, b"HY000", Never, Debug),
            C::NotServing => system(ClusterEvent, 1105, b"HY000", Elsewhere, Debug),
            C::WrongTabletType => system(FailedPrecondition, 1105, b"HY000", Elsewhere, Debug),
            C::NoHealthyTablet => system(Unavailable, 1105, b"HY000", Elsewhere, Warn),
            C::Unreachable => system(Unavailable, 1105, b"HY000", Elsewhere, Warn),
            C::ConnectionLost => system(Unavailable, 2013, b"HY000", Never, Warn),
            C::TransactionGone => system(Aborted, 1105, b"HY000", Never, Debug),
            C::ReadOnlyTransaction => user(FailedPrecondition, 1792, b"25006"),
            C::Timeout => system(DeadlineExceeded, 1317, b"70100", Never, Warn),
            C::QueryInterrupted => user(Canceled, 1317, b"70100"),
            C::PoolFull => system(ResourceExhausted, 1203, b"42000", Never, Warn),
            C::TooManyRows => user(ResourceExhausted, 1153, b"08S01"),
            C::PacketTooLarge => user(ResourceExhausted, 1153, b"08S01"),
            C::TooManyConnections => user(ResourceExhausted, 1040, b"08004"),
            C::ServerShutdown => user(Unavailable, 1053, b"08S01"),
            C::ReadOnly => user(ReadOnly, 1290, b"HY000"),
            C::LockWait => system(DeadlineExceeded, 1205, b"HY000", Never, Debug),
            C::Internal => system(Internal, 1105, b"HY000", Never, Error),
        }
    }

    /// The condition of an error of which only the gRPC code is known.
    pub const fn of_code(code: Code) -> Self {
        match code {
            Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => Self::Internal,
            Code::Canceled => Self::QueryInterrupted,
            Code::InvalidArgument | Code::OutOfRange => Self::InvalidArgument,
            Code::DeadlineExceeded => Self::Timeout,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::PermissionDenied | Code::Unauthenticated => Self::AccessDenied,
            Code::ResourceExhausted => Self::PoolFull,
            Code::FailedPrecondition => Self::FailedPrecondition,
            Code::Aborted => Self::TransactionGone,
            Code::Unimplemented => Self::Unsupported,
            Code::Unavailable => Self::ConnectionLost,
            Code::ClusterEvent => Self::NotServing,
            Code::ReadOnly => Self::ReadOnly,
        }
    }
}

/// The gRPC code for an error number of a mysqld, as Vitess's tablets answer it.
pub const fn mysql_code(errno: u16) -> Code {
    match errno {
        // Duplicate key, table, database.
        1062 | 1586 | 1050 | 1007 => Code::AlreadyExists,
        1044 | 1045 | 1142 | 1143 | 1227 => Code::PermissionDenied,
        // Unknown table, column, database, key.
        1146 | 1051 | 1054 | 1049 | 1091 => Code::NotFound,
        1064 | 1149 | 1052 | 1110 | 1136 | 1222 | 1264 | 1292 | 1366 | 1406 | 1048 => Code::InvalidArgument,
        // Deadlock, lock wait.
        1213 => Code::Aborted,
        1205 | 3024 => Code::DeadlineExceeded,
        1317 => Code::Canceled,
        // Foreign keys, read-only transaction.
        1451 | 1452 | 1792 => Code::FailedPrecondition,
        1290 | 1836 => Code::FailedPrecondition,
        1040 | 1203 | 1226 | 1037 | 1038 => Code::ResourceExhausted,
        1053 | 2002 | 2003 | 2006 | 2013 => Code::Unavailable,
        _ => Code::Unknown,
    }
}
