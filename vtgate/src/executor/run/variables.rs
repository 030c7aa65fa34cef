//! Queries that set user variables.

use async_trait::async_trait;
use bytes::Bytes;
use planner::{AssignVariables, IntoVariables, Primitive, Route};
use sqltypes::{BindValue, Field, Row, Type};
use vterrors::{Error, Result};

use super::Run;
use crate::executor::{Collected, Outcome, Sink};

/// MySQL's "No data - zero rows fetched, selected, or processed".
const NO_DATA: u32 = 1329;

impl Run<'_> {
    pub(super) async fn select_into(&mut self, into: &IntoVariables) -> Result<Outcome> {
        let mut first = FirstRow { wanted: into.variables.len(), types: Vec::new(), row: None, rows: 0 };
        Box::pin(self.primitive(&into.input, &mut first)).await?;
        match &first.row {
            None => self.session.warn(NO_DATA, "No data - zero rows fetched, selected, or processed"),
            Some(row) => self.assign(&into.variables, &first.types, row),
        }
        if first.rows > 1 {
            return Err(Error::mysql(1172, *b"42000", "Result consisted of more than one row"));
        }
        Ok(Outcome { affected_rows: first.rows, rows: first.rows, ..Outcome::default() })
    }

    /// All three statements on one connection: that of a transaction, or that where rows are put together.
    pub(super) async fn assign_variables(
        &mut self,
        assign: &AssignVariables,
        sink: &mut dyn Sink,
    ) -> Result<Outcome> {
        let (outcome, values) = match &assign.input {
            Primitive::Route(route) => self.assign_by_route(route, assign, sink).await?,
            Primitive::Gather(gather) => self.gather(gather, Some(assign), sink).await?,
            _ => {
                return Err(Error::internal(
                    "user variables are assigned by a route or where rows are put together",
                ));
            }
        };
        if let Some(row) = values.rows.first() {
            let types: Vec<_> = values.fields.iter().map(Field::r#type).collect();
            self.assign(&assign.variables, &types, row);
        }
        Ok(outcome)
    }

    async fn assign_by_route(
        &mut self,
        route: &Route,
        assign: &AssignVariables,
        sink: &mut dyn Sink,
    ) -> Result<(Outcome, Collected)> {
        let undo = self.begin_atomic().await?;
        let around = |sql: &String| Route { query: sql.clone(), system_schema: None, ..route.clone() };
        let (set, get) = (around(&assign.set), around(&assign.get));
        let result = async {
            self.route(&set, &mut Collected::default()).await?;
            let outcome = self.route(route, sink).await?;
            let mut values = Collected::default();
            self.route(&get, &mut values).await?;
            Ok((outcome, values))
        }
        .await;
        self.end_atomic(undo, result).await
    }

    fn assign(&mut self, names: &[String], types: &[Type], row: &Row) {
        for ((name, ty), value) in names.iter().zip(types).zip(sqltypes::values(row)) {
            let value = match value {
                Some(value) => BindValue::Scalar(*ty, Bytes::copy_from_slice(value)),
                None => BindValue::NULL,
            };
            self.session.user_variables.insert(name.clone(), value);
        }
    }
}

/// Keeps the first row, and wants no more than two.
struct FirstRow {
    wanted: usize,
    types: Vec<Type>,
    row: Option<Row>,
    rows: u64,
}

#[async_trait]
impl Sink for FirstRow {
    async fn fields(&mut self, fields: Vec<Field>) -> Result<()> {
        if fields.len() != self.wanted {
            let text = "The used SELECT statements have a different number of columns";
            return Err(Error::mysql(1222, *b"21000", text));
        }
        self.types = fields.iter().map(Field::r#type).collect();
        Ok(())
    }

    async fn rows(&mut self, rows: Vec<Row>) -> Result<bool> {
        self.rows += rows.len() as u64;
        if self.row.is_none() {
            self.row = rows.into_iter().next();
        }
        Ok(self.rows < 2)
    }
}
