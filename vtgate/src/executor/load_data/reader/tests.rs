use super::*;

fn csv() -> Format {
    Format { fields_terminated_by: b",".to_vec(), enclosed_by: Some(b'"'), ..Format::default() }
}

/// The rows as text, NULL as `~`, `+` behind a line that has too much. Whatever the pieces, they are the same.
fn rows_of(format: &Format, columns: usize, data: &[u8]) -> Vec<String> {
    let show = |row: &FileRow| {
        let fields = row.fields.iter().map(|f| match f {
            Some(text) => String::from_utf8_lossy(text).into_owned(),
            None => "~".to_owned(),
        });
        fields.collect::<Vec<_>>().join("|") + if row.cut { "+" } else { "" }
    };
    let read = |piece: usize| {
        let mut reader = Reader::new(format.clone(), columns);
        let mut out = Vec::new();
        for bytes in data.chunks(piece) {
            reader.push(bytes).unwrap();
            while let Some(row) = reader.next_row() {
                out.push(show(&row));
            }
        }
        reader.finish();
        while let Some(row) = reader.next_row() {
            out.push(show(&row));
        }
        out
    };
    let whole = read(data.len().max(1));
    for piece in [1, 2, 3, 7] {
        assert_eq!(read(piece), whole, "in pieces of {piece}");
    }
    whole
}

#[test]
fn tabs_and_escapes() {
    let f = Format::default();
    assert_eq!(rows_of(&f, 2, b"1\ta\n2\tb"), ["1|a", "2|b"]);
    assert_eq!(rows_of(&f, 2, b"1\ta\\tb\\\nc\\\\\\0\\Z\\x\n"), ["1|a\tb\nc\\\0\u{1a}x"]);
    assert_eq!(rows_of(&f, 3, b"\\N\tN\t\\N\\N\n\\Nx\t\t"), ["~|N|NN", "Nx|"]);
    assert_eq!(rows_of(&f, 2, b""), Vec::<String>::new());
    assert_eq!(rows_of(&f, 2, b"\n\nx\n"), ["", "", "x"]);
    assert_eq!(rows_of(&f, 1, b"a\\"), ["a\\"]);
}

#[test]
fn too_few_and_too_many_fields() {
    let f = Format::default();
    assert_eq!(rows_of(&f, 2, b"1\n2\tb\tc\n3\td\t\n4\t"), ["1", "2|b+", "3|d", "4"]);
    assert_eq!(rows_of(&f, 1, b"1\tx\\\ny\n2\n"), ["1+", "2"]);
}

#[test]
fn quotes() {
    let f = csv();
    assert_eq!(rows_of(&f, 2, b"\"a,b\nc\",\"d\"\"e\\\"f\"\n"), ["a,b\nc|d\"e\"f"]);
    assert_eq!(rows_of(&f, 2, b"NULL,\"NULL\"\n\\N,\"\\N\"\n"), ["~|NULL", "~|~"]);
    assert_eq!(rows_of(&f, 2, b"\"a\"b\",c\n"), ["a\"b|c"]);
    assert_eq!(rows_of(&f, 3, b"4,\"x\"z,\"q\n"), ["4|\"x\"z,\"q\n"]);
    assert_eq!(rows_of(&f, 2, b"a\"b,\"\"\n\"c\""), ["a\"b|", "c"]);
    let doubled = Format { escaped_by: Some(b'"'), ..csv() };
    assert_eq!(rows_of(&doubled, 2, b"\"fie\"\"ld1\",\"\\n\"\n"), ["fie\"ld1|\\n"]);
    assert_eq!(rows_of(&doubled, 2, b"a,\"b\""), ["a|\"b\""]);
    let none = Format { escaped_by: None, ..csv() };
    assert_eq!(rows_of(&none, 2, b"\\N,\\\n"), ["\\N|\\"]);
}

#[test]
fn separators_of_several_bytes() {
    let f = Format {
        fields_terminated_by: b"||".to_vec(),
        lines_terminated_by: b"\r\n".to_vec(),
        ..Format::default()
    };
    assert_eq!(rows_of(&f, 2, b"a|b||c\rd\r\ne||f"), ["a|b|c\rd", "e|f"]);
    let same = Format { lines_terminated_by: b"\t".to_vec(), ..Format::default() };
    assert_eq!(rows_of(&same, 2, b"1\t2\t3\t4\t"), ["1|2", "3|4"]);
}

#[test]
fn lines_that_start_or_are_passed_over() {
    let f = Format {
        fields_terminated_by: b",".to_vec(),
        lines_starting_by: b"xxx".to_vec(),
        lines_terminated_by: b";".to_vec(),
        ..Format::default()
    };
    assert_eq!(rows_of(&f, 2, b"xxx1,2;yyxxxx3,4;zz"), ["1|2", "x3|4"]);
    let skip = Format { ignore_lines: 2, ..Format::default() };
    assert_eq!(rows_of(&skip, 1, b"h\\\nh\nh2\n1\n2"), ["1", "2"]);
    assert_eq!(rows_of(&skip, 1, b"h"), Vec::<String>::new());
}
