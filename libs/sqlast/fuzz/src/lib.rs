//! What must hold for every input, whatever its bytes: one function a target. A panic is a finding; the input
//! then goes to `tests/data/fuzzed.txt`, which `tests/fuzzed.rs` runs with the same functions.

use sqlast::{
    BindValue, FingerprintKey, ParseOptions, Scratch, SqlMode,
    ast::{QueryBody, SelectItem, Statement},
    bind_values, column_label, fingerprint,
    fingerprint::LiteralKind,
    normalize, param_places, parse, preview, split, to_sql, to_sql_parenthesised,
};

const KEY: FingerprintKey = FingerprintKey([0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210]);

/// The first byte says how the rest is read.
fn options_of(data: &[u8]) -> (ParseOptions, &[u8]) {
    const FLAGS: [SqlMode; 6] = [
        SqlMode::ANSI_QUOTES,
        SqlMode::PIPES_AS_CONCAT,
        SqlMode::NO_BACKSLASH_ESCAPES,
        SqlMode::IGNORE_SPACE,
        SqlMode::HIGH_NOT_PRECEDENCE,
        SqlMode::REAL_AS_FLOAT,
    ];
    let (first, sql) = data.split_first().unwrap_or((&0, &[]));
    // Letters and space, with which seeds begin, are the default mode.
    let bits = if first.is_ascii_graphic() || *first == b' ' { 0 } else { *first };
    let sql = if bits == 0 { data } else { sql };
    let set = FLAGS.iter().enumerate().filter(|(at, _)| bits & 1 << at != 0);
    let sql_mode = set.fold(SqlMode::default(), |mode, (_, flag)| mode.with(*flag));
    (ParseOptions { sql_mode, ..ParseOptions::default() }, sql)
}

fn shown(sql: &[u8]) -> String {
    String::from_utf8_lossy(sql).into_owned()
}

/// The lexer, and what reads a text without parsing it.
pub fn lexer(data: &[u8]) {
    let (options, sql) = options_of(data);
    let _ = preview(sql);
    let places = param_places(sql, &options);
    assert!(places.windows(2).all(|two| two[0] < two[1]) && places.iter().all(|at| sql[*at] == b'?'));
    let mut scratch = Scratch::default();
    if fingerprint(sql, &options, &KEY, &mut scratch).is_some() {
        for literal in &scratch.literals {
            assert!(!literal.span.of(sql).is_empty(), "an empty literal");
        }
        let _ = bind_values(sql, &options, &scratch.literals);
    }
    let pieces = split(sql, &options);
    let base = sql.as_ptr() as usize;
    let mut end = base;
    for piece in &pieces {
        let start = piece.as_ptr() as usize;
        assert!(!piece.is_empty() && start >= end && start + piece.len() <= base + sql.len());
        end = start + piece.len();
    }
    if let Ok(statement) = parse(sql, &options)
        && !matches!(statement, Statement::Other(_) | Statement::Empty)
    {
        assert_eq!(pieces.len(), 1, "one statement is split: {}", shown(sql));
    }
}

/// Nested operations beyond which the few parentheses that a printed text has, and its source had not, may be too many.
const DEEP: usize = 60;

/// How deeply parentheses are nested in a text.
fn nesting(text: &[u8]) -> usize {
    let (mut depth, mut most) = (0usize, 0);
    for byte in text {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

/// What is parsed is printed, and is the same tree again.
pub fn round_trip(data: &[u8]) {
    let (options, sql) = options_of(data);
    let Ok(mut statement) = parse(sql, &options) else { return };
    let kept_whole = matches!(statement, Statement::Other(_));
    // What is not taken apart stays in the mode in which it was written.
    let again = if kept_whole { options } else { ParseOptions::default() };
    let parenthesised = to_sql_parenthesised(&statement);
    let deep = nesting(&parenthesised) > DEEP;
    for (has_all, printed) in [(false, to_sql(&statement)), (true, parenthesised)] {
        match parse(&printed, &again) {
            // What is nested too deeply with them is kept whole, where a statement may be.
            Ok(Statement::Other(_)) if !kept_whole && (has_all || deep) => {}
            Ok(read) => assert!(
                read == statement,
                "another tree\n{}\n{}\n{statement:?}\n{read:?}",
                shown(sql),
                shown(&printed)
            ),
            // Parentheses around every operation are levels of their own.
            Err(error) if !matches!(error.kind, sqlast::ParseErrorKind::Syntax) => {}
            Err(error) => panic!("{error}\n{}\n{}", shown(sql), shown(&printed)),
        }
    }
    if let Statement::Query(query) = &statement
        && let QueryBody::Select(select) = &query.body
    {
        for item in &select.items {
            if let SelectItem::Expr(item) = item {
                let _ = column_label(item, sql, &options);
            }
        }
    }
    let _ = normalize(&mut statement, sql, &options);
    let _ = to_sql(&statement);
}

/// Who finds a plan by the fingerprint binds the values that who parses binds.
pub fn cached_path(data: &[u8]) {
    let (options, sql) = options_of(data);
    let Some((printed, binds)) = parsed_path(sql, &options) else { return };
    let mut scratch = Scratch::default();
    let found = fingerprint(sql, &options, &KEY, &mut scratch);
    let found = found.unwrap_or_else(|| panic!("parsed, but no fingerprint: {}", shown(sql)));
    assert_eq!(found.kind, preview(sql), "{}", shown(sql));
    assert_eq!(bind_values(sql, &options, &scratch.literals), binds, "{}", shown(sql));

    let (again, none) = match parsed_path(&printed, &ParseOptions::default()) {
        Some(parsed) => parsed,
        None => panic!("the normalised text cannot be read: {}\n{}", shown(sql), shown(&printed)),
    };
    assert!(again == printed && none.is_empty(), "no normal form: {}\n{}", shown(sql), shown(&printed));

    // Another number in the place of each: the same plan serves it.
    let mut other = sql.to_vec();
    for literal in scratch.literals.iter().rev().filter(|l| l.kind == LiteralKind::Integer) {
        other.splice(literal.span.start as usize..literal.span.end as usize, *b"48");
    }
    let skeleton = std::mem::take(&mut scratch.skeleton);
    if fingerprint(&other, &options, &KEY, &mut scratch).is_some() && scratch.skeleton == skeleton {
        let other_text = parsed_path(&other, &options).map(|(printed, _)| printed);
        assert!(
            other_text.as_deref() == Some(&printed),
            "one fingerprint, two plans\n{}\n{}\n{}\n{}",
            shown(sql),
            shown(&printed),
            shown(&other),
            shown(&other_text.unwrap_or_default())
        );
    }
}

/// The normalised text and the values; none of what is refused or has a plan for its own text only.
fn parsed_path(sql: &[u8], options: &ParseOptions) -> Option<(Vec<u8>, Vec<BindValue>)> {
    let mut statement = parse(sql, options).ok()?;
    let normalized = normalize(&mut statement, sql, options);
    if !normalized.literal_bound.is_empty() {
        return None;
    }
    Some((to_sql(&statement), normalized.binds.into_iter().map(|(_, value)| value).collect()))
}
