//! The rows of a file of LOAD DATA, from its bytes as they come. No I/O: bytes are pushed, rows are taken.
//!
//! The rules are those of MySQL's manual ("LOAD DATA Statement", field and line handling), and where it says
//! nothing, what mysqld was seen to do:
//! - a quote ends a field only where a separator, the line's end or the file's end follows; doubled, it is one;
//! - a field that begins with a quote and does not end is all of the rest of the file, with the quote;
//! - `\N` alone is NULL, in quotes, too; the word NULL is, where the format has quotes and it has none;
//! - what is too much in a line is passed over up to its end, quotes or not.
//!
//! What must hold: a row is given only when all of it is there, so that where the bytes are cut does not matter.

use vterrors::{Condition, Error, Result};

use super::format::Format;

/// A longer row is refused: it would not fit in a statement.
const MAX_ROW_BYTES: usize = 64 << 20;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileRow {
    /// Its fields, `None` for NULL; no more than were asked for, and fewer where the line has fewer.
    pub fields: Vec<Option<Vec<u8>>>,
    /// There was more in the line.
    pub cut: bool,
}

/// Takes a file apart.
#[derive(Debug)]
pub struct Reader {
    format: Format,
    /// How many fields a row has.
    columns: usize,
    /// Lines to pass over that have an end, and rows to pass over where lines have none.
    skip: u64,
    buffer: Vec<u8>,
    /// What is taken of the buffer.
    at: usize,
    /// The file's end is in the buffer.
    complete: bool,
    /// No row is looked for before so much is there: looking again at each piece would take long.
    enough: usize,
    ended: bool,
}

/// The bytes that came do not say yet.
struct More;

impl Reader {
    pub fn new(mut format: Format, columns: usize) -> Self {
        let mut skip = format.ignore_lines;
        if format.fields_terminated_by == format.lines_terminated_by {
            // Then a line has so many fields as there are columns, and mysqld passes none over.
            format.lines_terminated_by.clear();
            skip = 0;
        }
        Self { format, columns, skip, buffer: Vec::new(), at: 0, complete: false, enough: 0, ended: false }
    }

    /// Adds the next bytes of the file.
    ///
    /// Errors: a row that is longer than 64 MiB.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.drain(..std::mem::take(&mut self.at));
        if self.buffer.len() > MAX_ROW_BYTES {
            return Err(Error::new(
                Condition::PacketTooLarge,
                format!("a row of the file of LOAD DATA is longer than {MAX_ROW_BYTES} bytes"),
            ));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// No bytes come any more.
    pub fn finish(&mut self) {
        self.complete = true;
    }

    /// The next row, if all of it is there; `None` asks for more bytes, and after [`Reader::finish`] there are no
    /// more rows.
    pub fn next_row(&mut self) -> Option<FileRow> {
        while self.skip > 0 {
            self.passed_over()?;
            self.skip -= 1;
        }
        self.take(|cursor, format, columns| cursor.row(format, columns))
    }

    fn passed_over(&mut self) -> Option<()> {
        if self.format.lines_terminated_by.is_empty() {
            self.take(|cursor, format, columns| cursor.row(format, columns)).map(drop)
        } else {
            self.take(|cursor, format, _| cursor.end_of_line(format).map(|_| Some(())))
        }
    }

    /// Takes what `read` finds; nothing is taken where it needs more bytes.
    fn take<T>(
        &mut self,
        read: impl FnOnce(&mut Cursor<'_>, &Format, usize) -> std::result::Result<Option<T>, More>,
    ) -> Option<T> {
        let left = self.buffer.len() - self.at;
        if self.ended || (!self.complete && left < self.enough) {
            return None;
        }
        let mut cursor = Cursor { data: &self.buffer, at: self.at, complete: self.complete };
        match read(&mut cursor, &self.format, self.columns) {
            Ok(found) => {
                self.at = cursor.at;
                self.enough = 0;
                self.ended |= found.is_none();
                found
            }
            Err(More) => {
                self.enough = left.saturating_mul(2).max(1);
                None
            }
        }
    }
}

/// A place in the bytes that are there.
struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
    complete: bool,
}

type Read<T> = std::result::Result<T, More>;

/// How a field ended.
#[derive(PartialEq, Eq)]
enum End {
    Field,
    Line,
    File,
}

impl Cursor<'_> {
    /// The next byte; `None` at the file's end.
    fn get(&mut self) -> Read<Option<u8>> {
        match self.data.get(self.at) {
            Some(byte) => {
                self.at += 1;
                Ok(Some(*byte))
            }
            None if self.complete => Ok(None),
            None => Err(More),
        }
    }

    /// Whether `text` comes next, which is then taken. An empty text never comes.
    fn takes(&mut self, text: &[u8]) -> Read<bool> {
        let rest = &self.data[self.at..];
        if text.is_empty() || (self.complete && rest.len() < text.len()) {
            return Ok(false);
        }
        if rest.len() < text.len() && text.starts_with(rest) {
            return Err(More);
        }
        let comes = rest.starts_with(text);
        self.at += if comes { text.len() } else { 0 };
        Ok(comes)
    }

    /// A row with its line's end; `None` at the end of the file.
    fn row(&mut self, format: &Format, columns: usize) -> Read<Option<FileRow>> {
        if !format.lines_starting_by.is_empty() && !self.start_of_line(format)? {
            return Ok(None);
        }
        let mut row = FileRow::default();
        let mut ended = false;
        while row.fields.len() < columns && !ended {
            // A file that ends in a separator has no field behind it.
            if self.complete && self.at == self.data.len() {
                ended = true;
                break;
            }
            let (field, end) = self.field(format)?;
            row.fields.push(field);
            ended = end != End::Field;
        }
        if row.fields.is_empty() {
            return Ok(None);
        }
        if !ended && !format.lines_terminated_by.is_empty() {
            row.cut = self.end_of_line(format)?;
        }
        Ok(Some(row))
    }

    /// Passes over what is before the text that lines start by; `false` when the file ends before.
    fn start_of_line(&mut self, format: &Format) -> Read<bool> {
        loop {
            if self.takes(&format.lines_starting_by)? {
                return Ok(true);
            }
            if self.get()?.is_none() {
                return Ok(false);
            }
        }
    }

    /// Passes over the rest of a line; whether there was any. Of the last line, if it has no end, mysqld does not
    /// say so.
    fn end_of_line(&mut self, format: &Format) -> Read<bool> {
        let mut any = false;
        loop {
            if self.takes(&format.lines_terminated_by)? {
                return Ok(any);
            }
            let Some(byte) = self.get()? else { return Ok(false) };
            any = true;
            if Some(byte) == format.escaped_by && self.get()?.is_none() {
                return Ok(false);
            }
        }
    }

    /// A field up to what ends it, which is taken as well.
    fn field(&mut self, format: &Format) -> Read<(Option<Vec<u8>>, End)> {
        let quote = format.enclosed_by.filter(|q| self.data.get(self.at) == Some(q));
        let mut text = Vec::new();
        let mut null = false;
        let mut enclosed = false;
        self.at += usize::from(quote.is_some());
        let end = loop {
            if quote.is_none() {
                if self.takes(&format.lines_terminated_by)? {
                    break End::Line;
                }
                if self.takes(&format.fields_terminated_by)? {
                    break End::Field;
                }
            }
            let Some(byte) = self.get()? else { break End::File };
            if Some(byte) == format.escaped_by && self.escaped(format, &mut text, &mut null)? {
                continue;
            }
            if Some(byte) == quote {
                if self.takes(&[byte])? {
                    text.push(byte);
                    continue;
                }
                if let Some(end) = self.after_quote(format)? {
                    enclosed = true;
                    break end;
                }
            }
            text.push(byte);
        };
        // A quote without its other is a part of the text.
        if let (Some(quote), false) = (quote, enclosed) {
            text.insert(0, quote);
        }
        let is_word = format.enclosed_by.is_some() && !enclosed && text == b"NULL";
        let is_null = is_word || (null && text.len() == 1);
        Ok(((!is_null).then_some(text), end))
    }

    /// What ends a field behind its second quote; `None` where nothing does.
    fn after_quote(&mut self, format: &Format) -> Read<Option<End>> {
        if self.takes(&format.lines_terminated_by)? {
            return Ok(Some(End::Line));
        }
        if self.takes(&format.fields_terminated_by)? {
            return Ok(Some(End::Field));
        }
        let at_end = self.at == self.data.len();
        match (at_end, self.complete) {
            (true, true) => Ok(Some(End::File)),
            (true, false) => Err(More),
            (false, _) => Ok(None),
        }
    }

    /// What is behind an escape character, which is taken already; `false` where it stands for itself and may
    /// mean something else.
    fn escaped(&mut self, format: &Format, text: &mut Vec<u8>, null: &mut bool) -> Read<bool> {
        // Where quotes are escaped by quotes, a doubled one is one, and nothing else is escaped.
        if format.escaped_by == format.enclosed_by {
            let Some(escape) = format.escaped_by else { return Ok(false) };
            let doubled = self.takes(&[escape])?;
            // With nothing behind it, it is a part of the text, as mysqld has it.
            let is_last = self.complete && self.at == self.data.len();
            if doubled || is_last {
                text.push(escape);
            }
            return Ok(doubled || is_last);
        }
        let Some(byte) = self.get()? else { return Ok(false) };
        text.push(match byte {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'0' => 0,
            b'Z' => 26,
            b'N' => {
                *null = true;
                b'N'
            }
            other => other,
        });
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
