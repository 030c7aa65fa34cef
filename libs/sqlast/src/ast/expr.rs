//! Expressions.
//!
//! Each composite variant is one box, so that [`Expr`] stays small and a clone or a drop needs little
//! stack. AND and OR are flat lists: `a OR (b OR c)` and `(a OR b) OR c` are the same tree, as in MySQL.

use super::{ColName, Ident, Literal, OrderBy, Query, Span};

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expr {
    Literal(Literal),
    Param(Param),
    Column(ColName),
    /// `@name`.
    UserVar(Ident),
    SysVar(Box<SysVar>),
    /// Two or more, none of them an `And`.
    And(Vec<Expr>),
    /// Two or more, none of them an `Or`.
    Or(Vec<Expr>),
    Unary(Box<Unary>),
    Binary(Box<Binary>),
    Comparison(Box<Comparison>),
    Like(Box<Like>),
    Between(Box<Between>),
    In(Box<In>),
    Is(Box<Is>),
    /// `(a, b)` or `ROW(a, b)`.
    Row(Vec<Expr>),
    /// `(SELECT ...)` as a value or a row.
    Subquery(Box<Query>),
    Exists(Box<Query>),
    Case(Box<Case>),
    Func(Box<FuncCall>),
    /// `CAST(a AS type)`, `CONVERT(a, type)`, `BINARY a`.
    Cast(Box<Cast>),
    /// `CONVERT(a USING charset)`.
    ConvertUsing(Box<ConvertUsing>),
    /// `CHAR(77, 121 USING utf8mb4)`.
    Char(Box<CharFunc>),
    Collate(Box<Collate>),
    DateArith(Box<DateArith>),
    /// `EXTRACT(unit FROM a)`.
    Extract(Box<Extract>),
    /// `TIMESTAMPADD(unit, n, a)`, `TIMESTAMPDIFF(unit, a, b)`.
    TimestampFunc(Box<TimestampFunc>),
    Trim(Box<Trim>),
    /// `POSITION(needle IN haystack)`.
    Position(Box<Position>),
    /// `GET_FORMAT(DATE, 'USA')`.
    GetFormat(Box<GetFormat>),
    WeightString(Box<WeightString>),
    Match(Box<Match>),
    JsonValue(Box<JsonValue>),
    /// `DEFAULT` as a value in INSERT, UPDATE or SET, `DEFAULT(column)` anywhere.
    Default(Option<Box<ColName>>),
    /// `VALUES(column)` in ON DUPLICATE KEY UPDATE.
    Values(Box<ColName>),
    /// `@name := value`.
    Assign(Box<Assign>),
    /// The `*` of `COUNT(*)`.
    Star,
}

/// A place for a value that comes later.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Param {
    /// `?`, counted from 0 in the order of the text.
    Positional(u32),
    /// `:name`.
    Named(Ident),
    /// `::name`, a list; only on the right of IN.
    List(Ident),
}

/// `@@name`, `@@session.name`, `@@cache.key_buffer_size`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SysVar {
    /// None where the statement gives no scope.
    pub scope: Option<VarScope>,
    /// A key cache or component before the name.
    pub component: Option<Ident>,
    pub name: Ident,
}

/// The scope of a system variable; LOCAL is SESSION.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VarScope {
    Global,
    Session,
    Persist,
    PersistOnly,
    /// Vitess's `@@vitess_metadata.name`.
    VitessMetadata,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unary {
    pub op: UnaryOp,
    pub expr: Expr,
}

/// `!a` is `Not`; `BINARY a` is a [`Cast`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    Not,
    Minus,
    Plus,
    /// `~`.
    BitNot,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Binary {
    pub op: BinaryOp,
    pub left: Expr,
    pub right: Expr,
}

/// Operators on two values that are neither comparisons nor AND and OR. `||` under PIPES_AS_CONCAT is a call
/// of `concat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Xor,
    Plus,
    Minus,
    Multiply,
    Divide,
    /// DIV.
    IntDivide,
    /// `%` or MOD.
    Modulo,
    BitOr,
    BitAnd,
    BitXor,
    ShiftLeft,
    ShiftRight,
    /// `column -> path`.
    JsonExtract,
    /// `column ->> path`.
    JsonUnquoteExtract,
    /// `a MEMBER OF (b)`.
    MemberOf,
    /// `a SOUNDS LIKE b`.
    SoundsLike,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Comparison {
    pub op: ComparisonOp,
    pub left: Expr,
    /// With a quantifier always [`Expr::Subquery`].
    pub right: Expr,
    pub quantifier: Option<Quantifier>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ComparisonOp {
    Equal,
    /// `<=>`.
    NullSafeEqual,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// SOME is ANY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantifier {
    Any,
    All,
}

/// LIKE and REGEXP.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Like {
    pub not: bool,
    pub op: LikeOp,
    pub expr: Expr,
    pub pattern: Expr,
    /// Only for LIKE.
    pub escape: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LikeOp {
    Like,
    /// REGEXP or RLIKE.
    Regexp,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Between {
    pub not: bool,
    pub expr: Expr,
    pub low: Expr,
    pub high: Expr,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct In {
    pub not: bool,
    pub expr: Expr,
    pub list: InList,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum InList {
    /// One or more.
    List(Vec<Expr>),
    /// `::name`.
    Param(Ident),
    Subquery(Box<Query>),
}

/// `a IS NULL` and its like.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Is {
    pub not: bool,
    pub expr: Expr,
    pub test: IsTest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IsTest {
    Null,
    True,
    False,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Case {
    pub operand: Option<Expr>,
    /// One or more.
    pub whens: Vec<When>,
    pub else_: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct When {
    pub condition: Expr,
    pub result: Expr,
}

/// A function call in the ordinary form, aggregate and window functions among them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FuncCall {
    /// The database of a stored function.
    pub qualifier: Option<Ident>,
    /// Lower case (ASCII letters only).
    pub name: Ident,
    /// `COUNT(DISTINCT a, b)`.
    pub distinct: bool,
    pub args: Vec<Expr>,
    /// False for CURRENT_TIMESTAMP and its like when written without parentheses.
    pub parens: bool,
    /// What only GROUP_CONCAT has.
    pub group_concat: Option<Box<GroupConcat>>,
    /// Makes it a window function.
    pub over: Option<Box<Over>>,
}

impl FuncCall {
    /// `name(args)`; `name` in lower case.
    pub fn new(name: impl Into<Ident>, args: Vec<Expr>) -> Self {
        let name = name.into();
        Self { qualifier: None, name, distinct: false, args, parens: true, group_concat: None, over: None }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct GroupConcat {
    pub order_by: Vec<OrderBy>,
    /// A string literal, or a parameter once it is normalised.
    pub separator: Option<Expr>,
    /// Vitess and MariaDB allow it.
    pub limit: Option<super::Limit>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Over {
    /// `FROM LAST` of NTH_VALUE (FROM FIRST is the default).
    pub from_last: bool,
    /// `IGNORE NULLS` (RESPECT NULLS is the default).
    pub ignore_nulls: bool,
    pub window: OverWindow,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OverWindow {
    /// `OVER name`.
    Named(Ident),
    /// `OVER (...)`.
    Spec(WindowSpec),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct WindowSpec {
    /// `OVER (name ORDER BY ...)`.
    pub base: Option<Ident>,
    pub partition_by: Vec<Expr>,
    pub order_by: Vec<OrderBy>,
    pub frame: Option<Frame>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    pub unit: FrameUnit,
    pub start: FrameBound,
    /// With it, `BETWEEN start AND end`.
    pub end: Option<FrameBound>,
    pub exclude: Option<FrameExclusion>,
}

/// `EXCLUDE ...`, which MySQL reads but does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameExclusion {
    CurrentRow,
    Group,
    Ties,
    NoOthers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameUnit {
    Rows,
    Range,
    Groups,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FrameBound {
    CurrentRow,
    UnboundedPreceding,
    UnboundedFollowing,
    Preceding(FrameOffset),
    Following(FrameOffset),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FrameOffset {
    pub amount: Expr,
    /// With it, `INTERVAL amount unit`.
    pub unit: Option<IntervalUnit>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cast {
    pub expr: Expr,
    pub to: CastType,
    /// `CAST(a AS type ARRAY)`, in index definitions.
    pub array: bool,
    /// `CAST(a AT TIME ZONE '+00:00' AS DATETIME)`.
    pub at_time_zone: Option<Literal>,
}

/// The type of a CAST.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CastType {
    /// Lower case, canonical: `binary`, `char`, `nchar`, `date`, `datetime`, `time`, `decimal`, `double`,
    /// `float`, `real`, `json`, `signed`, `unsigned`, `year`, `vector`, `point`, ...
    pub name: Ident,
    /// Length, or precision and scale.
    pub length: Option<crate::text::Text>,
    pub scale: Option<crate::text::Text>,
    /// `CHAR(10) CHARACTER SET utf8mb4`.
    pub charset: Option<Ident>,
    /// `CHAR BINARY`.
    pub binary: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConvertUsing {
    pub expr: Expr,
    pub charset: Ident,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CharFunc {
    pub args: Vec<Expr>,
    pub using: Option<Ident>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Collate {
    pub expr: Expr,
    pub collation: Ident,
}

/// A date plus or minus an interval, in one of its spellings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DateArith {
    pub form: DateArithForm,
    pub date: Expr,
    pub amount: Expr,
    pub unit: IntervalUnit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DateArithForm {
    /// `date + INTERVAL amount unit`.
    Plus,
    /// `INTERVAL amount unit + date`.
    IntervalFirst,
    Minus,
    /// `DATE_ADD(date, INTERVAL amount unit)`.
    DateAdd,
    DateSub,
    /// `ADDDATE(date, INTERVAL amount unit)`.
    AddDate,
    SubDate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntervalUnit {
    Microsecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    SecondMicrosecond,
    MinuteMicrosecond,
    MinuteSecond,
    HourMicrosecond,
    HourSecond,
    HourMinute,
    DayMicrosecond,
    DaySecond,
    DayMinute,
    DayHour,
    YearMonth,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Extract {
    pub unit: IntervalUnit,
    pub expr: Expr,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TimestampFunc {
    pub op: TimestampOp,
    pub unit: IntervalUnit,
    pub first: Expr,
    pub second: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampOp {
    /// TIMESTAMPADD.
    Add,
    /// TIMESTAMPDIFF.
    Diff,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Trim {
    pub side: Option<TrimSide>,
    pub remove: Option<Expr>,
    pub expr: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrimSide {
    Both,
    Leading,
    Trailing,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    pub needle: Expr,
    pub haystack: Expr,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GetFormat {
    /// `date`, `time`, `datetime`.
    pub kind: Ident,
    pub expr: Expr,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WeightString {
    pub expr: Expr,
    /// `AS CHAR(n)` or `AS BINARY(n)`.
    pub cast: Option<CastType>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Match {
    pub columns: Vec<ColName>,
    pub against: Expr,
    pub mode: Option<MatchMode>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchMode {
    NaturalLanguage,
    NaturalLanguageExpansion,
    Boolean,
    /// `WITH QUERY EXPANSION` alone.
    QueryExpansion,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonValue {
    pub document: Expr,
    pub path: Expr,
    pub returning: Option<CastType>,
    pub on_empty: Option<JsonOn>,
    pub on_error: Option<JsonOn>,
}

/// What JSON_VALUE and JSON_TABLE do `ON EMPTY` or `ON ERROR`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JsonOn {
    Null,
    Error,
    Default(Expr),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Assign {
    /// The user variable, without `@`.
    pub variable: Ident,
    pub value: Expr,
}

/// An expression in a select list, with what MySQL names its column after.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AliasedExpr {
    pub expr: Expr,
    pub alias: Option<Ident>,
    /// The source text of the expression: the column's name where there is no alias.
    pub span: Span,
}
