use super::*;

fn toks(sql: &str) -> Vec<(Tok, String)> {
    let mut lexer = Lexer::new(sql.as_bytes(), &ParseOptions::default());
    let mut tokens = Vec::new();
    loop {
        let lexeme = lexer.next();
        if lexeme.tok == Tok::End {
            return tokens;
        }
        tokens.push((lexeme.tok, sql[lexeme.start..lexeme.end].to_owned()));
        if lexeme.tok == Tok::Bad {
            return tokens;
        }
    }
}

fn kinds(sql: &str) -> Vec<Tok> {
    toks(sql).into_iter().map(|t| t.0).collect()
}

#[test]
fn numbers_and_names_that_look_like_numbers() {
    use Tok::*;
    assert_eq!(
        kinds("1 1.5 .5 1. 1e3 1.5e-3 1e 1a 0x1F 0xZ 0b01 0b2"),
        [Integer, Decimal, Decimal, Decimal, Float, Float, Word, Word, HexNum, Word, BitNum, Word]
    );
    assert_eq!(
        kinds("18446744073709551615 18446744073709551616 00000000000000000000001"),
        [Integer, Decimal, Integer]
    );
    assert_eq!(kinds("2t.3t2"), [Word, Dot, Word]);
    assert_eq!(kinds("t.1e5"), [Word, Dot, Word]);
}

#[test]
fn comments_and_gates() {
    use Tok::*;
    assert_eq!(kinds("1--4"), [Integer, Minus, Minus, Integer]);
    assert_eq!(kinds("1 -- 4\n+ 2 # x"), [Integer, Comment, Plus, Integer, Comment]);
    assert_eq!(kinds("a /*!80000 + */ b"), [Word, Plus, Word]);
    assert_eq!(kinds("a /*!99999 + /* x */ y */ b"), [Word, Comment, Word]);
    assert_eq!(kinds("a /*! + */ b"), [Word, Plus, Word]);
    assert_eq!(kinds("a /*+ h */ /*vt+ d */"), [Word, Comment, Comment]);
    assert_eq!(kinds("a /* open"), [Word, Bad]);
    assert_eq!(kinds("a /*!80000 open"), [Word, Word, Bad]);
    assert_eq!(kinds("/*!*/"), []);
}

#[test]
fn strings_and_variables() {
    use Tok::*;
    assert_eq!(
        kinds(r"'a''b' 'a\'b' `a``b` x'4D' n'x' b'01' x'4' "),
        [Str, Str, Quoted, HexStr, NationalStr, BitStr, Bad]
    );
    assert_eq!(
        kinds("@a.b @'x y' @`q` @@global.x @ :v1 ::list := ? :1 :1f"),
        [
            UserVar, UserVar, UserVar, AtAt, Word, Dot, Word, UserVar, NamedParam, ListParam, Assign,
            Question, NamedParam, Bad
        ]
    );
    assert_eq!(kinds("!!a !!!a ! !a"), [Bang, Word, Bang, Bang, Word, Bang, Bang, Word]);
    assert_eq!(
        kinds("a->'$.b' ->> <=> <> != <= >> || && \\N"),
        [
            Word,
            Arrow,
            Str,
            ArrowText,
            NullSafeEqual,
            NotEqual,
            NotEqual,
            LessEqual,
            ShiftRight,
            OrOr,
            AndAnd,
            BackslashN
        ]
    );
}
