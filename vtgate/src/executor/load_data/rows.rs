//! From the lines of a file to INSERT and REPLACE, as data: what each field is for, and what stands in the statement
//! in its place.
//!
//! What must hold: a row is stored as mysqld's LOAD DATA LOCAL stores it. There a field that does not fit its column
//! becomes what fits, with a warning, as in INSERT IGNORE; but a missing field is the zero of its type (NULL where the
//! column's default is NULL), and so is NULL where a column takes none. What no INSERT can say is refused.

use bytes::Bytes;
use sqlast::{
    Rewriter, Walk,
    ast::{
        Assignment, ColName, Comments, Expr, FuncCall, Ident, Insert, InsertSource, Is, IsTest, Literal,
        LoadData, LoadDuplicates, Param, TableName,
    },
};
use sqltypes::{BindValue, BindVars, Type};
use vschema::{Column, ColumnDefault, Table};
use vterrors::{Condition, Error, Result};

use super::reader::FileRow;
use crate::session::Charset;

/// What a field of a line is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// The column at this position of the INSERT.
    Column(usize),
    /// The user variable at this position.
    Variable(usize),
    /// A generated column, or one that a later field is for as well: read and not used.
    Nowhere,
}

/// A column that gets its values from the file.
#[derive(Debug, Clone)]
struct LoadColumn {
    name: String,
    ty: Option<Type>,
    /// `None` where it is not known.
    not_null: Option<bool>,
    /// Numbers of a sequence stand in for NULL.
    has_sequence: bool,
    /// It decides the row's shard, or a lookup's entry.
    in_vindex: bool,
    default: ColumnDefault,
}

/// What the lines of a file become.
#[derive(Debug, Clone)]
pub struct Shape {
    table: TableName,
    partitions: Vec<Ident>,
    replace: bool,
    charset: Charset,
    places: Vec<Place>,
    columns: Vec<LoadColumn>,
    variables: Vec<Ident>,
    set: Vec<Assignment>,
    /// Columns that the statement does not name, have no default and take no NULL: each with the zero of its type.
    /// An INSERT without them would warn of each, a REPLACE would fail.
    implied: Vec<(String, Literal)>,
}

/// Rows on their way into one statement.
#[derive(Debug, Default)]
pub struct Batch {
    rows: Vec<Vec<Expr>>,
    binds: BindVars,
    bytes: usize,
    /// All its rows are plain values: its plan is that of any such batch of so many rows.
    uneven: bool,
}

impl Batch {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// How long its values are together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_uneven(&self) -> bool {
        self.uneven
    }
}

/// A warning with MySQL's number.
pub type Warning = (u32, String);

impl Shape {
    /// Reads what a statement says about its columns. `table` is the one that it names.
    ///
    /// Errors: 1054 for an unknown column; what is loaded and set by SET at the same time, a column list that is
    /// neither given nor known, are refused.
    pub fn new(load: &LoadData, table: &Table, charset: Charset) -> Result<Self> {
        let mut shape = Self {
            table: load.table.clone(),
            partitions: load.partitions.clone(),
            replace: load.duplicates == Some(LoadDuplicates::Replace),
            charset,
            places: Vec::new(),
            columns: Vec::new(),
            variables: Vec::new(),
            set: Vec::new(),
            implied: Vec::new(),
        };
        match load.columns.is_empty() {
            true => shape.all_columns(table)?,
            false => load.columns.iter().try_for_each(|target| shape.target(target, table))?,
        }
        for assignment in &load.set {
            shape.assignment(assignment)?;
        }
        shape.implied = table.columns.iter().filter_map(|c| shape.implied(c, table)).collect();
        Ok(shape)
    }

    /// How many fields a line is to have.
    pub fn fields(&self) -> usize {
        self.places.len()
    }

    /// The user variables that the file sets.
    pub fn variables(&self) -> &[Ident] {
        &self.variables
    }

    fn all_columns(&mut self, table: &Table) -> Result<()> {
        if !table.column_list_authoritative {
            return Err(Error::unsupported(format!(
                "LOAD DATA into {} without a list of columns: its columns are not known",
                table.full_name()
            )));
        }
        table.columns.iter().filter(|c| !c.invisible).for_each(|c| self.column(&c.name, table));
        Ok(())
    }

    /// The value of a column that a row cannot be without. Of dates MySQL takes no zero where it is written, and a
    /// column by which rows are placed has to be named.
    fn implied(&self, column: &Column, table: &Table) -> Option<(String, Literal)> {
        let is = |name: &String| name.eq_ignore_ascii_case(&column.name);
        let named = self.columns.iter().any(|c| is(&c.name))
            || self.set.iter().any(|a| a.column.name.is(column.name.as_bytes()))
            || table.column_vindexes.iter().any(|v| v.columns.iter().any(is))
            || table.auto_increment.as_ref().is_some_and(|a| is(&a.column));
        if named || column.default != ColumnDefault::Missing {
            return None;
        }
        let number = |text: &str| Some(Literal::Integer(text.into()));
        let literal = match column.ty? {
            // The first of its values.
            Type::Enum => number("1"),
            Type::Set | Type::Year | Type::Bit => number("0"),
            ty if sqltypes::is_number(ty) => number("0"),
            ty if sqltypes::is_text(ty) || sqltypes::is_binary(ty) => Some(Literal::String("".into())),
            _ => None,
        };
        Some((column.name.clone(), literal?))
    }

    fn target(&mut self, target: &Expr, table: &Table) -> Result<()> {
        match target {
            Expr::UserVar(name) => {
                let known = self.variables.iter().position(|v| v.eq_ignore_case(name));
                let at = known.unwrap_or_else(|| {
                    self.variables.push(name.clone());
                    self.variables.len() - 1
                });
                self.places.push(Place::Variable(at));
            }
            Expr::Column(name) => {
                let text = name.name.to_string_lossy();
                if table.column_list_authoritative && table.column(&text).is_none() {
                    let text = format!("Unknown column '{text}' in 'field list'");
                    return Err(Error::new(Condition::UnknownColumn, text));
                }
                self.column(&text, table);
            }
            _ => return Err(Error::internal("a field of LOAD DATA is neither a column nor a variable")),
        }
        Ok(())
    }

    fn column(&mut self, name: &str, table: &Table) {
        let found = table.column(name);
        if found.is_some_and(|c| c.generated) {
            return self.places.push(Place::Nowhere);
        }
        if let Some(at) = self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name)) {
            // The last field for a column counts.
            self.places.iter_mut().filter(|p| **p == Place::Column(at)).for_each(|p| *p = Place::Nowhere);
            return self.places.push(Place::Column(at));
        }
        let is = |other: &String| other.eq_ignore_ascii_case(name);
        self.places.push(Place::Column(self.columns.len()));
        self.columns.push(LoadColumn {
            name: name.to_owned(),
            ty: found.and_then(|c| c.ty),
            not_null: found.and_then(|c: &Column| c.definition.as_ref()).map(|d| d.ends_with(" not null")),
            has_sequence: table.auto_increment.as_ref().is_some_and(|a| is(&a.column)),
            in_vindex: table.column_vindexes.iter().any(|v| v.columns.iter().any(is)),
            default: found.map(|c| c.default.clone()).unwrap_or_default(),
        });
    }

    fn assignment(&mut self, assignment: &Assignment) -> Result<()> {
        let name = &assignment.column.name;
        if self.columns.iter().any(|c| name.is(c.name.as_bytes())) {
            return Err(Error::unsupported(format!(
                "LOAD DATA that reads the column {name} and sets it by SET: read it into a user variable (@{name})"
            )));
        }
        // The last one counts.
        self.set.retain(|other| !other.column.name.eq_ignore_case(name));
        self.set.push(assignment.clone());
        Ok(())
    }

    /// Adds a line. `number` counts the file's rows from 1.
    ///
    /// Errors: 1300 for text that is not in the file's character set; 1366 for a value that is no number, in a column
    /// that a sequence fills.
    pub fn add(&self, batch: &mut Batch, row: FileRow, number: u64) -> Result<Vec<Warning>> {
        let mut warnings = Vec::new();
        let at = batch.rows.len();
        let mut values = vec![None; self.columns.len()];
        let mut variables = vec![BindValue::NULL; self.variables.len()];
        let cut = row.cut;
        let mut fields = row.fields.into_iter();
        for place in &self.places {
            let field = fields.next();
            let text = match field {
                Some(Some(bytes)) => Some(Some(self.decoded(bytes, place)?)),
                Some(None) => Some(None),
                None => None,
            };
            match (place, text) {
                (Place::Column(at), Some(value)) => {
                    values[*at] = Some(self.columns[*at].value(value, number, &mut warnings)?);
                }
                (Place::Column(_), None) => {
                    warnings.push((1261, format!("Row {number} doesn't contain data for all columns")));
                }
                (Place::Variable(at), Some(Some(value))) => variables[*at] = value,
                (Place::Nowhere, None) => {
                    warnings.push((1261, format!("Row {number} doesn't contain data for all columns")));
                }
                (Place::Variable(_), _) | (Place::Nowhere, _) => {}
            }
        }
        if cut {
            warnings.push((
                1262,
                format!("Row {number} was truncated; it contained more data than there were input columns"),
            ));
        }
        let mut exprs = Vec::with_capacity(self.columns.len() + self.set.len());
        for (column_at, (column, value)) in self.columns.iter().zip(values).enumerate() {
            exprs.push(match value.unwrap_or_else(|| column.missing()) {
                Value::Bind(value) => batch.bind(format!("ld{at}_{column_at}"), value),
                Value::Expr(expr) => {
                    batch.uneven = true;
                    expr
                }
            });
        }
        self.set_exprs(batch, &mut exprs, variables);
        exprs.extend(self.implied.iter().map(|(_, zero)| Expr::Literal(zero.clone())));
        batch.rows.push(exprs);
        Ok(warnings)
    }

    /// What SET says, for a row in which the variables have these values.
    fn set_exprs(&self, batch: &mut Batch, exprs: &mut Vec<Expr>, variables: Vec<BindValue>) {
        let at = batch.rows.len();
        let name = |variable: usize| format!("ld{at}_v{variable}");
        let mut put = PutIn { variables: &self.variables, name: &name, used: Vec::new() };
        for assignment in &self.set {
            let mut value = assignment.value.clone();
            value.rewrite(&mut put);
            exprs.push(value);
        }
        for variable in put.used {
            batch.bind(name(variable), variables[variable].clone());
        }
    }

    /// The values of the variables after a line.
    pub fn variables_of(&self, row: &FileRow) -> Vec<(String, BindValue)> {
        let mut out: Vec<(String, BindValue)> =
            self.variables.iter().map(|v| (v.to_lower(), BindValue::NULL)).collect();
        for (place, field) in self.places.iter().zip(&row.fields) {
            if let (Place::Variable(at), Some(bytes)) = (place, field) {
                out[*at].1 = self.decoded(bytes.clone(), place).unwrap_or(BindValue::NULL);
            }
        }
        out
    }

    fn decoded(&self, bytes: Vec<u8>, place: &Place) -> Result<BindValue> {
        let is_bytes = match place {
            Place::Column(at) => self.columns[*at].ty.is_some_and(sqltypes::is_binary),
            Place::Variable(_) | Place::Nowhere => false,
        };
        if self.charset == Charset::Binary || (is_bytes && !self.charset.is_utf8()) {
            return Ok(BindValue::bytes(bytes));
        }
        let text = match self.charset.is_utf8() {
            true => bytes,
            false => self.charset.decode(&bytes),
        };
        if std::str::from_utf8(&text).is_err() {
            let name = self.charset.name();
            return Err(Error::mysql(1300, *b"HY000", format!("Invalid {name} character string: ''")));
        }
        Ok(BindValue::text(text))
    }

    /// The statement of a batch, and its values.
    pub fn insert(&self, batch: Batch) -> (Insert, BindVars) {
        let loaded = self.columns.iter().map(|c| ColName::unqualified(c.name.as_str()));
        let set = self.set.iter().map(|a| ColName::unqualified(a.column.name.clone()));
        let implied = self.implied.iter().map(|(name, _)| ColName::unqualified(name.as_str()));
        let insert = Insert {
            comments: Comments::default(),
            replace: self.replace,
            priority: None,
            ignore: !self.replace,
            table: self.table.clone(),
            partitions: self.partitions.clone(),
            columns: loaded.chain(set).chain(implied).collect(),
            source: InsertSource::Values(batch.rows),
            row_alias: None,
            on_duplicate: Vec::new(),
        };
        (insert, batch.binds)
    }
}

impl Batch {
    fn bind(&mut self, name: String, value: BindValue) -> Expr {
        if let BindValue::Scalar(_, bytes) = &value {
            self.bytes += bytes.len();
        }
        let param = Expr::Param(Param::Named(name.as_str().into()));
        self.binds.insert(name, value.into());
        param
    }
}

/// What stands in a row for a column.
#[derive(Debug, Clone)]
enum Value {
    Bind(BindValue),
    Expr(Expr),
}

impl LoadColumn {
    /// The value of a field; `None` is NULL.
    fn value(&self, value: Option<BindValue>, number: u64, warnings: &mut Vec<Warning>) -> Result<Value> {
        let Some(value) = value else { return Ok(self.null(number, warnings)) };
        let BindValue::Scalar(ty, bytes) = &value else { return Ok(Value::Bind(value)) };
        if !self.ty.is_some_and(is_whole) {
            return Ok(Value::Bind(value));
        }
        // As a number it is compared and hashed as one.
        let text = std::str::from_utf8(bytes).unwrap_or_default().trim_ascii();
        match text.parse::<i128>().ok().and_then(whole) {
            Some(BindValue::Scalar(_, digits)) if self.has_sequence && &digits[..] == b"0" => {
                Ok(Value::Bind(BindValue::NULL))
            }
            Some(number) => Ok(Value::Bind(number)),
            None if self.has_sequence && text.is_empty() => Ok(Value::Bind(BindValue::NULL)),
            None if self.has_sequence => {
                let shown = String::from_utf8_lossy(bytes);
                let text =
                    format!("Incorrect integer value: '{shown}' for column '{}' at row {number}", self.name);
                Err(Error::mysql(1366, *b"HY000", text))
            }
            None => Ok(Value::Bind(BindValue::Scalar(*ty, bytes.clone()))),
        }
    }

    fn null(&self, number: u64, warnings: &mut Vec<Warning>) -> Value {
        let is_timestamp = self.ty == Some(Type::Timestamp);
        if self.not_null != Some(true) || self.has_sequence {
            return Value::Bind(BindValue::NULL);
        }
        if is_timestamp {
            return now();
        }
        // INSERT IGNORE makes it the zero itself, or the table counts up; in a REPLACE it is an error.
        if !self.in_vindex {
            return Value::Bind(BindValue::NULL);
        }
        let text = format!(
            "Column set to default value; NULL supplied to NOT NULL column '{}' at row {number}",
            self.name
        );
        warnings.push((1263, text));
        Value::Bind(self.zero())
    }

    /// A line has no field for it.
    fn missing(&self) -> Value {
        match self.not_null {
            _ if self.has_sequence => Value::Bind(BindValue::NULL),
            None => Value::Expr(Expr::Default(None)),
            Some(true) if self.ty == Some(Type::Timestamp) => now(),
            Some(true) => Value::Bind(self.zero()),
            Some(false) if self.default == ColumnDefault::Null => Value::Bind(BindValue::NULL),
            Some(false) if self.default != ColumnDefault::Unknown => Value::Bind(self.zero()),
            // `if(default(column) is null, null, <zero>)`: the zero, unless NULL is what it is by default.
            Some(false) => {
                let column = ColName::unqualified(self.name.as_str());
                let is_null = Expr::Is(Box::new(Is {
                    not: false,
                    expr: Expr::Default(Some(Box::new(column))),
                    test: IsTest::Null,
                }));
                let zero = match self.zero() {
                    BindValue::Scalar(Type::Int64, _) => Literal::Integer("0".into()),
                    BindValue::Scalar(_, text) => Literal::String(text.to_vec().into()),
                    BindValue::List(_) => Literal::Null,
                };
                let args = vec![is_null, Expr::Literal(Literal::Null), Expr::Literal(zero)];
                Value::Expr(Expr::Func(Box::new(FuncCall::new("if", args))))
            }
        }
    }

    fn zero(&self) -> BindValue {
        match self.ty {
            Some(Type::Date) => BindValue::text("0000-00-00"),
            Some(Type::Datetime | Type::Timestamp) => BindValue::text("0000-00-00 00:00:00"),
            Some(Type::Time) => BindValue::text("00:00:00"),
            Some(Type::Json) => BindValue::text("null"),
            Some(Type::Enum | Type::Set | Type::Year | Type::Bit) => BindValue::int64(0),
            Some(ty) if sqltypes::is_number(ty) => BindValue::int64(0),
            _ => BindValue::text(Bytes::new()),
        }
    }
}

/// Whether text that is a whole number means that number.
fn is_whole(ty: Type) -> bool {
    sqltypes::is_integral(ty) && !matches!(ty, Type::Year | Type::Bit)
}

fn whole(number: i128) -> Option<BindValue> {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => Some(BindValue::int64(number)),
        (Err(_), Ok(number)) => Some(BindValue::uint64(number)),
        _ => None,
    }
}

fn now() -> Value {
    Value::Expr(Expr::Func(Box::new(FuncCall::new("current_timestamp", Vec::new()))))
}

/// Puts a row's values in the place of the variables that the file sets.
struct PutIn<'a> {
    variables: &'a [Ident],
    name: &'a dyn Fn(usize) -> String,
    used: Vec<usize>,
}

impl Rewriter for PutIn<'_> {
    fn leave_expr(&mut self, expr: &mut Expr) {
        if let Expr::UserVar(name) = expr
            && let Some(at) = self.variables.iter().position(|v| v.eq_ignore_case(name))
        {
            if !self.used.contains(&at) {
                self.used.push(at);
            }
            *expr = Expr::Param(Param::Named((self.name)(at).as_str().into()));
        }
    }
}

#[cfg(test)]
mod tests;
