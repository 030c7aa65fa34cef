//! Several statements in one text, split at semicolons.
//!
//! For schema changes only: strings, quoted names and comments are known, bodies of stored programs are
//! not (a script with one is given statement by statement).

/// The statements of `sql`, trimmed, without semicolons; pieces of blanks and comments are left out.
pub(super) fn split(sql: &str) -> Vec<&str> {
    let bytes = sql.as_bytes();
    let (mut statements, mut start, mut at, mut has_code) = (Vec::new(), 0, 0, false);
    while at < bytes.len() {
        let end = token_end(bytes, at);
        match bytes[at] {
            b';' => {
                if has_code {
                    statements.push(sql[start..at].trim());
                }
                (start, has_code) = (end, false);
            }
            b if b.is_ascii_whitespace() => {}
            _ => has_code |= !is_comment(bytes, at),
        }
        at = end;
    }
    if has_code {
        statements.push(sql[start..].trim());
    }
    statements
}

/// A comment that MySQL does not run; `/*! ... */` is code.
fn is_comment(b: &[u8], at: usize) -> bool {
    line_comment(b, at) || (b[at..].starts_with(b"/*") && b.get(at + 2) != Some(&b'!'))
}

fn line_comment(b: &[u8], at: usize) -> bool {
    let dashes = b[at..].starts_with(b"--") && b.get(at + 2).is_none_or(u8::is_ascii_whitespace);
    b[at] == b'#' || dashes
}

/// Where the string, name, comment or single byte that starts at `at` ends.
fn token_end(b: &[u8], at: usize) -> usize {
    match b[at] {
        quote @ (b'\'' | b'"' | b'`') => quoted_end(b, at, quote),
        _ if line_comment(b, at) => b[at..].iter().position(|c| *c == b'\n').map_or(b.len(), |n| at + n + 1),
        _ if b[at..].starts_with(b"/*") => {
            let close = b[at + 2..].windows(2).position(|w| w == b"*/");
            close.map_or(b.len(), |n| at + 2 + n + 2)
        }
        _ => at + 1,
    }
}

fn quoted_end(b: &[u8], at: usize, quote: u8) -> usize {
    let mut i = at + 1;
    while i < b.len() {
        match b[i] {
            b'\\' if quote != b'`' => i += 1,
            c if c == quote && b.get(i + 1) == Some(&quote) => i += 1,
            c if c == quote => return i + 1,
            _ => {}
        }
        i += 1;
    }
    b.len()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn semicolons_in_strings_names_and_comments_do_not_split() {
        for (sql, wanted) in [
            (
                "create table a (x int); create table b (y int);",
                vec!["create table a (x int)", "create table b (y int)"],
            ),
            ("select ';' ; select \"a;\\\";b\"", vec!["select ';'", "select \"a;\\\";b\""]),
            ("select `a;``b`;;", vec!["select `a;``b`"]),
            ("-- one; two\nselect 1; # x;\n", vec!["-- one; two\nselect 1"]),
            ("/* ; */ select 1 /* ; */;", vec!["/* ; */ select 1 /* ; */"]),
            ("/*!40101 SET x=1 */;", vec!["/*!40101 SET x=1 */"]),
            ("select 5--1; select 'it''s; ok'", vec!["select 5--1", "select 'it''s; ok'"]),
            (" ; \n ", vec![]),
            ("select 'open", vec!["select 'open"]),
        ] {
            assert_eq!(split(sql), wanted, "{sql}");
        }
    }
}
