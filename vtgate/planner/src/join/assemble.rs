//! From parts and steps to the plan's tree of joins.

use sqlast::ast::{Expr, Ident, Is, IsTest};
use vterrors::Result;

use super::{
    Joiner, Step,
    finish::{Key, Slot, key_of},
    parts::rank_of,
    refuse,
};
use crate::{
    Directives, Join, JoinByKeys, JoinColumn, JoinKey, JoinKind, PlanWarning, Primitive,
    rewrite::Rewritten,
    select::{self, Planned},
    semantics::Analysis,
};

/// What a step compares and looks at.
#[derive(Debug, Default)]
struct Needs {
    keys: Vec<(Key, Key)>,
    only_if: Vec<Slot>,
    /// Columns of the step's own part.
    null_columns: Vec<usize>,
}

/// What the parts' plans say beside their primitives.
#[derive(Default)]
struct Notes {
    rewritten: Rewritten,
    warnings: Vec<PlanWarning>,
}

impl Notes {
    fn take(&mut self, planned: Planned) -> Primitive {
        self.rewritten.add(planned.rewritten);
        for warning in planned.warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        planned.root
    }
}

impl Step {
    /// Whether its part's columns are in the rows that are put together.
    fn gives_columns(&self) -> bool {
        matches!(self.kind, JoinKind::Inner | JoinKind::Left)
    }
}

impl Joiner<'_> {
    /// The step whose part evaluates an expression. `made` is one of our own, which is NULL where its column is.
    pub(super) fn step_of(&self, expr: &Expr, made: bool) -> Result<usize> {
        let leaves = self.tree.leaves_of(expr)?;
        let has = |step: &Step| step.gives_columns() && leaves.is_subset(&self.parts[step.part].leaves);
        let Some(at) = self.steps.iter().position(has) else {
            return refuse("an expression over several parts");
        };
        if self.steps[at].kind == JoinKind::Left && !made && !matches!(expr, Expr::Column(_)) {
            return refuse("an expression over rows that may be missing");
        }
        Ok(at)
    }

    /// The column of an expression in a step's part.
    pub(super) fn slot_in(&mut self, step: usize, expr: &Expr, alias: Option<Ident>) -> Result<Slot> {
        let shared = alias.is_none();
        let at = self.parts[self.steps[step].part].column(expr, alias, shared)?;
        Ok(Slot { step, at })
    }

    /// The joins, whose rows have the columns of `all`.
    pub(super) fn plan(
        mut self,
        all: &[Slot],
        analysis: &Analysis,
        directives: Directives,
    ) -> Result<Planned> {
        let needs: Vec<Needs> = (0..self.steps.len()).map(|at| self.needs(at)).collect::<Result<_>>()?;
        let mut offsets = Vec::with_capacity(self.steps.len());
        let mut width = 0;
        for step in &self.steps {
            offsets.push(width);
            if step.gives_columns() {
                width += self.parts[step.part].width();
            }
        }
        let mut notes = Notes::default();
        let mut root = notes.take(self.parts[self.steps[0].part].plan(self.ctx, &self.frame)?);
        for (at, needs) in needs.iter().enumerate().skip(1) {
            let is_last = at + 1 == self.steps.len();
            root = self.join(at, root, needs, &offsets, is_last.then_some(all), &mut notes)?;
        }
        Ok(Planned {
            root,
            tables_used: select::tables_used(analysis),
            rewritten: notes.rewritten,
            warnings: notes.warnings,
            directives,
        })
    }

    /// Asks the parts for what a step compares.
    fn needs(&mut self, at: usize) -> Result<Needs> {
        let mut out = Needs::default();
        for link in self.steps[at].links.clone() {
            let known = self.tree.known_column(&link.left).cloned();
            let left = key_of(&link.left, known.as_ref(), None, &mut |expr, made| {
                let step = self.step_of(expr, made)?;
                self.slot_in(step, expr, None)
            })?;
            let tree = self.steps[at].inner.as_ref().unwrap_or(self.tree);
            let known = tree.known_column(&link.right).cloned();
            let right =
                key_of(&link.right, known.as_ref(), None, &mut |expr, _| self.slot_in(at, expr, None))?;
            out.keys.push((left, right));
        }
        for condition in self.steps[at].only_if.clone() {
            let step = self.step_of(&condition, false)?;
            let is_true = Expr::Is(Box::new(Is { expr: condition, not: false, test: IsTest::True }));
            out.only_if.push(self.slot_in(step, &is_true, None)?);
        }
        for column in self.steps[at].null_columns.clone() {
            out.null_columns.push(self.slot_in(at, &column, None)?.at);
        }
        Ok(out)
    }

    fn join(
        &self,
        at: usize,
        left: Primitive,
        needs: &Needs,
        offsets: &[usize],
        wanted: Option<&[Slot]>,
        notes: &mut Notes,
    ) -> Result<Primitive> {
        let step = &self.steps[at];
        let part = &self.parts[step.part];
        let on_left = |slot: Slot| offsets[slot.step] + slot.at;
        let column = |slot: &Slot| match slot.step == at {
            true => JoinColumn::Right(slot.at),
            false => JoinColumn::Left(on_left(*slot)),
        };
        let columns = match wanted {
            Some(slots) => slots.iter().map(column).collect(),
            None => {
                let own = if step.gives_columns() { part.width() } else { 0 };
                let before = (0..offsets[at]).map(JoinColumn::Left);
                before.chain((0..own).map(JoinColumn::Right)).collect()
            }
        };
        let join = Join {
            kind: step.kind,
            left,
            right: notes.take(part.plan(self.ctx, &self.frame)?),
            by_keys: self.by_keys(at, needs, &on_left),
            on: needs
                .keys
                .iter()
                .map(|(left, right)| JoinKey {
                    left: left.order_by(on_left),
                    right: right.order_by(|slot| slot.at),
                })
                .collect(),
            only_if: needs.only_if.iter().map(|slot| on_left(*slot)).collect(),
            null_columns: needs.null_columns.clone(),
            columns,
        };
        Ok(Primitive::Join(Box::new(join)))
    }

    /// The narrowest way to read only what can match.
    fn by_keys(&self, at: usize, needs: &Needs, on_left: &dyn Fn(Slot) -> usize) -> Option<JoinByKeys> {
        let step = &self.steps[at];
        let bind = format!("__vt_join{at}");
        let ways = step.links.iter().zip(&needs.keys).filter_map(|(link, (left, _))| {
            let planned = self.parts[step.part].plan_by(&link.right, &bind, self.ctx, &self.frame).ok()?;
            Some((on_left(left.column), planned.root))
        });
        let (left_column, input) = ways.min_by_key(|(_, root)| rank_of(root))?;
        Some(JoinByKeys { left_column, bind, input })
    }
}
