//! MySQL's numbers at the end of an error's text, as Vitess writes them.

use crate::MysqlCode;

/// Splits `text (errno N) (sqlstate SSSSS)...` into the text before it and the numbers.
///
/// What follows the numbers (Vitess appends the query in some errors) is dropped: it may hold literals.
pub(crate) fn split_mysql_suffix(message: &str) -> Option<(&str, MysqlCode)> {
    let at = message.rfind("(errno ")?;
    let (number, rest) = message[at + "(errno ".len()..].split_once(')')?;
    let errno = number.parse().ok()?;
    let state = rest.trim_start().strip_prefix("(sqlstate ")?.split_once(')')?.0;
    let sqlstate = <[u8; 5]>::try_from(state.as_bytes()).ok()?;
    sqlstate.is_ascii().then(|| (message[..at].trim_end(), MysqlCode { errno, sqlstate }))
}
