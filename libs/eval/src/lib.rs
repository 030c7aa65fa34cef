//! The few operations that vtgate does on values itself: compare, and add.
//!
//! Everything else is MySQL's work. Values are MySQL's text form, as rows carry them. What must hold: the
//! order and the equality of two values is what one MySQL would say; where that cannot be known (a type
//! whose text is not its value, a collation whose padding is not known) there is an error, not a guess.

mod aggregate;
mod collation;
mod compare;
mod decimal;
mod test;

pub use aggregate::{Aggregator, Fold, FoldFunction, Spread, can_be_added};
pub use collation::{Padding, padding};
pub use compare::{Columns, Comparator, SortKey, compare_values};
pub use decimal::Decimal;
pub use test::{Is, Side, Test};
