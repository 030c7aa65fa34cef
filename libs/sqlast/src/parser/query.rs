//! Query expressions: WITH, set operations, parentheses, ORDER BY, LIMIT, locks, INTO.

use super::Result;
use super::cursor::Parser;
use crate::ast::*;
use crate::lexer::Tok;
use crate::lexer::keyword::Kw;

impl Parser<'_> {
    /// Whether the token `ahead` begins a query without parentheses.
    pub fn query_starts(&self, ahead: usize) -> bool {
        match self.peek(ahead).kw {
            Kw::Select | Kw::With => true,
            Kw::Table => self.is_ident(ahead + 1),
            Kw::Values => self.peek(ahead + 1).kw == Kw::Row,
            _ => false,
        }
    }

    /// Whether a query in parentheses begins at the token `ahead`.
    pub fn query_follows(&self, ahead: usize) -> bool {
        let mut place = ahead;
        while self.peek(place).tok == Tok::LeftParen {
            place += 1;
        }
        place > ahead && self.query_starts(place)
    }

    /// Whether what stands here goes on a query whose first operand is already read.
    pub fn query_goes_on(&self) -> bool {
        matches!(
            self.kw(),
            Kw::Union | Kw::Except | Kw::Intersect | Kw::Order | Kw::Limit | Kw::For | Kw::Lock | Kw::Into
        )
    }

    /// A query in parentheses.
    pub fn subquery(&mut self) -> Result<Query> {
        let outer = self.open()?;
        let frame = self.open()?;
        self.expect_tok(Tok::LeftParen)?;
        let query = self.query()?;
        self.expect_tok(Tok::RightParen)?;
        self.close(frame);
        self.close(outer);
        Ok(query)
    }

    /// A query expression, up to where it ends.
    pub fn query(&mut self) -> Result<Query> {
        let with = self.opt_with()?;
        let outer_into = self.into.take();
        let first = self.query_operand()?;
        let mut query = self.rest_of_query(first)?;
        self.into = outer_into;
        if with.is_some() && query.with.is_some() {
            query = Query::new(QueryBody::Nested(Box::new(query)));
        }
        query.with = query.with.or(with);
        Ok(query)
    }

    /// A query expression whose first operand is `first`, which stood in parentheses.
    pub fn query_after(&mut self, first: Query) -> Result<Query> {
        let outer_into = self.into.take();
        let query = self.rest_of_query(operand_of(first))?;
        self.into = outer_into;
        Ok(query)
    }

    fn rest_of_query(&mut self, first: QueryBody) -> Result<Query> {
        let body = self.set_operations(first)?;
        let mut query = Query::new(body);
        query.order_by = self.opt_order_by()?;
        query.limit = self.opt_limit()?;
        self.opt_into()?;
        query.locks = self.locks()?;
        self.opt_into()?;
        query.into = self.into.take();
        // Parentheses around the whole say nothing.
        if query.is_bare()
            && let QueryBody::Nested(inner) = query.body
        {
            return Ok(*inner);
        }
        Ok(query)
    }

    /// `WITH [RECURSIVE] name (columns) AS (query), ...`.
    pub fn opt_with(&mut self) -> Result<Option<Box<With>>> {
        if !self.accept(Kw::With) {
            return Ok(None);
        }
        let recursive = self.accept(Kw::Recursive);
        let mut tables = Vec::new();
        loop {
            let name = self.ident()?;
            let columns = if self.tok() == Tok::LeftParen { self.paren_idents()? } else { Vec::new() };
            self.expect(Kw::As)?;
            let query = self.subquery()?;
            tables.push(CommonTable { name, columns, query });
            if !self.accept_tok(Tok::Comma) {
                return Ok(Some(Box::new(With { recursive, tables })));
            }
        }
    }

    /// `first` and all that is united with it, INTERSECT first.
    fn set_operations(&mut self, first: QueryBody) -> Result<QueryBody> {
        let mut body = self.intersections(first)?;
        while let Some(kind) = self.set_operator() {
            if kind == SetOperatorKind::Intersect {
                break;
            }
            let op = self.set_operator_all(kind);
            let operand = self.query_operand()?;
            let right = self.intersections(operand)?;
            body = append(body, op, right);
        }
        Ok(body)
    }

    fn intersections(&mut self, first: QueryBody) -> Result<QueryBody> {
        let mut body = first;
        while self.set_operator() == Some(SetOperatorKind::Intersect) {
            let op = self.set_operator_all(SetOperatorKind::Intersect);
            let right = self.query_operand()?;
            body = append(body, op, right);
        }
        Ok(body)
    }

    fn set_operator(&self) -> Option<SetOperatorKind> {
        match self.kw() {
            Kw::Union => Some(SetOperatorKind::Union),
            Kw::Except => Some(SetOperatorKind::Except),
            Kw::Intersect => Some(SetOperatorKind::Intersect),
            _ => None,
        }
    }

    fn set_operator_all(&mut self, kind: SetOperatorKind) -> SetOperator {
        self.advance();
        let all = self.accept(Kw::All);
        if !all {
            self.accept(Kw::Distinct);
        }
        SetOperator { kind, all }
    }

    /// One operand of a set operation.
    fn query_operand(&mut self) -> Result<QueryBody> {
        match self.kw() {
            Kw::Select => self.select().map(|select| QueryBody::Select(Box::new(select))),
            Kw::Values => self.values_rows().map(QueryBody::Values),
            Kw::Table => {
                self.advance();
                self.table_name().map(QueryBody::Table)
            }
            _ if self.tok() == Tok::LeftParen => self.subquery().map(operand_of),
            _ => self.fail(),
        }
    }

    /// `VALUES ROW(...), ROW(...)`.
    fn values_rows(&mut self) -> Result<ValuesRows> {
        self.expect(Kw::Values)?;
        let mut values = ValuesRows { comments: self.comments(), rows: Vec::new() };
        loop {
            self.expect(Kw::Row)?;
            values.rows.push(self.value_row()?);
            if !self.accept_tok(Tok::Comma) {
                return Ok(values);
            }
        }
    }

    /// `ORDER BY a, b DESC`; empty if there is none.
    pub fn opt_order_by(&mut self) -> Result<Vec<OrderBy>> {
        let mut items = Vec::new();
        if !self.accept_seq(&[Kw::Order, Kw::By]) {
            return Ok(items);
        }
        loop {
            let expr = self.expr()?;
            let direction = self.opt_direction().unwrap_or(Direction::Asc);
            items.push(OrderBy { expr, direction });
            if !self.accept_tok(Tok::Comma) {
                return Ok(items);
            }
        }
    }

    pub fn opt_direction(&mut self) -> Option<Direction> {
        let direction = match self.kw() {
            Kw::Asc => Direction::Asc,
            Kw::Desc => Direction::Desc,
            _ => return None,
        };
        self.advance();
        Some(direction)
    }

    pub fn opt_limit(&mut self) -> Result<Option<Limit>> {
        if !self.accept(Kw::Limit) {
            return Ok(None);
        }
        let first = self.simple_value()?;
        if self.accept_tok(Tok::Comma) {
            let count = self.simple_value()?;
            return Ok(Some(Limit { count, offset: Some(first), comma: true }));
        }
        let offset = if self.accept(Kw::Offset) { Some(self.simple_value()?) } else { None };
        Ok(Some(Limit { count: first, offset, comma: false }))
    }

    fn locks(&mut self) -> Result<Vec<Locking>> {
        let mut locks = Vec::new();
        loop {
            let mut lock = Locking { strength: LockStrength::Update, of: Vec::new(), wait: None };
            if self.accept_seq(&[Kw::Lock, Kw::In, Kw::Share, Kw::Mode]) {
                lock.strength = LockStrength::ShareMode;
                locks.push(lock);
                continue;
            }
            if self.accept_seq(&[Kw::For, Kw::Share]) {
                lock.strength = LockStrength::Share;
            } else if !self.accept_seq(&[Kw::For, Kw::Update]) {
                return Ok(locks);
            }
            if self.accept(Kw::Of) {
                lock.of = self.table_names()?;
            }
            if self.accept(Kw::Nowait) {
                lock.wait = Some(LockWait::NoWait);
            } else if self.accept_seq(&[Kw::Skip, Kw::Locked]) {
                lock.wait = Some(LockWait::SkipLocked);
            }
            locks.push(lock);
        }
    }

    /// INTO, which may stand in several places of a query but only once.
    pub fn opt_into(&mut self) -> Result<()> {
        if !self.at(Kw::Into) {
            return Ok(());
        }
        if self.into.is_some() {
            return self.fail();
        }
        self.advance();
        let into = if self.accept(Kw::Outfile) {
            let s3 = self.accept_word("s3");
            let path = self.literal()?;
            Into::OutFile(Box::new(OutFile { s3, path, options: self.outfile_options()? }))
        } else if self.accept(Kw::Dumpfile) {
            Into::DumpFile(self.literal()?)
        } else {
            Into::Variables(self.variables_of_into()?)
        };
        self.into = Some(Box::new(into));
        Ok(())
    }

    fn variables_of_into(&mut self) -> Result<Vec<Expr>> {
        let mut variables = Vec::new();
        loop {
            variables.push(match self.tok() {
                Tok::UserVar => Expr::UserVar(self.user_var()?),
                _ => Expr::Column(ColName::unqualified(self.ident()?)),
            });
            if !self.accept_tok(Tok::Comma) {
                return Ok(variables);
            }
        }
    }

    /// The clauses of OUTFILE: words and literals up to what goes on the query.
    fn outfile_options(&mut self) -> Result<Raw> {
        let mut options = Raw::new();
        while !self.at_end()
            && !matches!(self.tok(), Tok::RightParen | Tok::LeftParen)
            && !matches!(self.kw(), Kw::From | Kw::For | Kw::Union | Kw::Lock | Kw::Limit | Kw::Order)
        {
            options.push(self.raw_token()?);
        }
        Ok(options)
    }
}

/// A query in parentheses as an operand: parentheses around a plain block say nothing.
fn operand_of(query: Query) -> QueryBody {
    if query.is_bare() && !matches!(query.body, QueryBody::SetOperation(_)) {
        return query.body;
    }
    QueryBody::Nested(Box::new(query))
}

/// `left op right`, in the list of `left` if it is one of the same precedence.
fn append(left: QueryBody, op: SetOperator, right: QueryBody) -> QueryBody {
    let intersect = op.kind == SetOperatorKind::Intersect;
    let same_level = |operation: &SetOperation| {
        operation.rest.iter().all(|operand| (operand.op.kind == SetOperatorKind::Intersect) == intersect)
    };
    let (left, right) = if intersect { (left, right) } else { (without_parens(left), without_parens(right)) };
    let operand = SetOperand { op, right };
    match left {
        QueryBody::SetOperation(mut operation) if same_level(&operation) => {
            operation.rest.push(operand);
            QueryBody::SetOperation(operation)
        }
        // `(a UNION b) UNION c` is `a UNION b UNION c`.
        QueryBody::Nested(inner) if inner.is_bare() && flat(&inner.body, same_level) => {
            append(inner.body, operand.op, operand.right)
        }
        first => QueryBody::SetOperation(Box::new(SetOperation { first, rest: vec![operand] })),
    }
}

/// Parentheses around INTERSECTs say nothing in a list of UNIONs and EXCEPTs.
fn without_parens(body: QueryBody) -> QueryBody {
    let intersects = |operation: &SetOperation| {
        operation.rest.iter().all(|operand| operand.op.kind == SetOperatorKind::Intersect)
    };
    match body {
        QueryBody::Nested(query) if query.is_bare() && flat(&query.body, intersects) => query.body,
        other => other,
    }
}

fn flat(body: &QueryBody, same_level: impl Fn(&SetOperation) -> bool) -> bool {
    matches!(body, QueryBody::SetOperation(operation) if same_level(operation))
}
