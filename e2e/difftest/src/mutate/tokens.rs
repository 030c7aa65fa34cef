//! A statement's words, so that parts of it can be exchanged. Not a lexer: what it takes for one word has only to
//! be the same in every statement.

/// A word, and whether there was space before it: `COUNT (*)` is not `COUNT(*)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub spaced: bool,
}

impl Token {
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), spaced: true }
    }

    /// By which it is found in other statements.
    pub fn key(&self) -> String {
        self.text.to_lowercase()
    }
}

/// Operators of more than one character, longer ones first.
const OPERATORS: [&str; 12] = ["<=>", "->>", "<<", ">>", "<>", "!=", "<=", ">=", ":=", "||", "&&", "->"];

/// The words of a statement without comments to the end of a line.
pub fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql.trim();
    let mut spaced = true;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(length(rest));
        tokens.push(Token { text: word.to_owned(), spaced });
        rest = after.trim_start();
        spaced = rest.len() < after.len();
    }
    tokens
}

/// The statement of these words.
pub fn text(tokens: &[Token]) -> String {
    let mut text = String::new();
    for token in tokens {
        if token.spaced && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&token.text);
    }
    text
}

/// Each pair of parentheses: where it begins, and where what follows it begins.
pub fn parentheses(tokens: &[Token]) -> Vec<(usize, usize)> {
    let (mut open, mut pairs) = (Vec::new(), Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" => open.push(at),
            ")" => pairs.extend(open.pop().map(|begin| (begin, at + 1))),
            _ => {}
        }
    }
    pairs
}

/// Bytes of the first word.
fn length(text: &str) -> usize {
    let first = text.chars().next().unwrap_or_default();
    let run = |of: fn(char) -> bool| text.find(|c| !of(c)).unwrap_or(text.len());
    match first {
        '\'' | '"' | '`' => quoted(text, first),
        '/' if text.starts_with("/*") => text.find("*/").map_or(text.len(), |end| end + 2),
        '@' => {
            let bare = text.trim_start_matches('@');
            text.len() - bare.len() + bare.find(|c| !is_name(c) && c != '.').unwrap_or(bare.len())
        }
        '0'..='9' => run(|c| is_name(c) || c == '.'),
        c if is_name(c) => run(is_name),
        c => OPERATORS.iter().find(|o| text.starts_with(**o)).map_or(c.len_utf8(), |o| o.len()),
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote != '`' {
            chars.next();
        } else if c == quote {
            if chars.peek().is_none_or(|(_, next)| *next != quote) {
                return at + 1;
            }
            chars.next();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(sql: &str) -> Vec<String> {
        tokens(sql).into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn a_statement_is_cut_into_words() {
        let cut = words(r"SELECT COUNT(*), `a``b`, 'it''s \' 5', @@x.y FROM t WHERE a<=>1.5e3");
        let wanted = [
            "SELECT",
            "COUNT",
            "(",
            "*",
            ")",
            ",",
            "`a``b`",
            ",",
            r"'it''s \' 5'",
            ",",
            "@@x.y",
            "FROM",
            "t",
            "WHERE",
            "a",
            "<=>",
            "1.5e3",
        ];
        assert_eq!(cut, wanted);
        assert_eq!(words("/* a b */ (é)"), ["/* a b */", "(", "é", ")"]);
    }

    #[test]
    fn what_stood_together_stays_together() {
        let sql = "SELECT COUNT(*), x'41', _latin1 'a' FROM a.b";
        assert_eq!(text(&tokens(sql)), sql);
        assert_eq!(text(&tokens("SELECT  1\n FROM   t")), "SELECT 1 FROM t");
    }

    #[test]
    fn parentheses_are_found_from_inside_to_outside() {
        assert_eq!(parentheses(&tokens("f((1), 2) (")), [(2, 5), (1, 8)]);
    }
}
