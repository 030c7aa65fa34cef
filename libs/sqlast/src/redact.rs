//! A statement's text without its literals, for logs: also of a text that nobody can parse.
//!
//! What must hold: no byte of a literal, nor of a comment, comes through. A string without an end is one to the
//! end of the text, so nothing after it is shown.

use crate::lexer::{Lexer, Tok};
use crate::parser::ParseOptions;

/// What stands where the rest of a text was left out.
const CUT: &str = "...";

/// `sql` with `?` in the place of each literal, without comments, and with one space where there was space; of
/// about `max_bytes` at most. Names stay, and so do bind variables and what was `?` already.
pub fn redacted(sql: &[u8], options: &ParseOptions, max_bytes: usize) -> String {
    let mut lexer = Lexer::new(sql, options);
    let mut out: Vec<u8> = Vec::with_capacity(sql.len().min(max_bytes) + CUT.len());
    let mut end = 0;
    loop {
        let token = lexer.next();
        if token.tok == Tok::End {
            break;
        }
        if token.tok == Tok::Comment {
            // Counts as the space that it stands for.
            continue;
        }
        if token.start > end && !out.is_empty() && !out.ends_with(b" ") {
            out.push(b' ');
        }
        end = token.end;
        let text = match token.tok {
            Tok::Bad => CUT.as_bytes(),
            Tok::Integer
            | Tok::Decimal
            | Tok::Float
            | Tok::Str
            | Tok::NationalStr
            | Tok::HexStr
            | Tok::HexNum
            | Tok::BitStr
            | Tok::BitNum => b"?",
            _ => &sql[token.start..token.end],
        };
        if out.len() + text.len() > max_bytes {
            out.extend_from_slice(CUT.as_bytes());
            break;
        }
        out.extend_from_slice(text);
        if token.tok == Tok::Bad {
            break;
        }
    }
    let kept = out.trim_ascii_end().len();
    out.truncate(kept);
    String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqlMode;

    fn of(sql: &str) -> String {
        redacted(sql.as_bytes(), &ParseOptions::default(), 1000)
    }

    #[test]
    fn literals_and_comments_are_gone_and_names_stay() {
        for (sql, expected) in [
            ("select  a,\n'secret' from t where b=12.5", "select a, ? from t where b=?"),
            ("/* secret */ select 1 -- secret", "select ?"),
            ("select a/* secret */b", "select a b"),
            (
                "insert into t values (-1, x'aa', 0xaa, b'1', 0b1, n'x', 1e5)",
                "insert into t values (-?, ?, ?, ?, ?, ?, ?)",
            ),
            ("select `12`, @a, @@b, :vtg1, ::vtg2, ?", "select `12`, @a, @@b, :vtg1, ::vtg2, ?"),
            ("create user u identified by 'secret'", "create user u identified by ?"),
            ("set password = \"secret\"", "set password = ?"),
            ("select /*!80000 'secret' */ 1", "select ? ?"),
            ("select 'a' 'b'", "select ? ?"),
            ("select 'it''s', 'it\\'s'", "select ?, ?"),
            ("select _utf8mb4'secret'", "select _utf8mb4?"),
            ("", ""),
        ] {
            assert_eq!(of(sql), expected, "{sql}");
        }
    }

    #[test]
    fn nothing_comes_after_what_has_no_end() {
        assert_eq!(of("select 'secret and so on"), "select ...");
        assert_eq!(of("select 1 /* secret"), "select ? ...");
    }

    #[test]
    fn double_quotes_are_names_only_where_they_are() {
        let ansi = ParseOptions { sql_mode: SqlMode::ANSI_QUOTES, ..ParseOptions::default() };
        assert_eq!(redacted(b"select \"a\", 'secret'", &ansi, 1000), "select \"a\", ?");
        assert_eq!(of("select \"secret\""), "select ?");
    }

    #[test]
    fn long_texts_are_cut() {
        let long = format!("select {}", "a, ".repeat(1000));
        let cut = redacted(long.as_bytes(), &ParseOptions::default(), 100);
        assert!(cut.len() <= 104 && cut.ends_with("..."), "{cut}");
    }
}
