//! The text of `unicode_loose_md5` and `unicode_loose_xxhash`: primary collation weights.
//!
//! Texts that differ in case, accents or width only have the same weights. The weights are those of
//! `golang.org/x/text/collate` (Unicode 6.2, CLDR 23), which Vitess uses, and never change; how the file was
//! made is in `tools/README.md`. Equal weights alone would not do: keyspace ids must be equal bit by bit,
//! so contractions and the order of combining marks are followed as that module does it.

mod table;

use vterrors::{Error, Result};

use table::{Element, TABLE, Table};

/// So many elements of combining marks are put in order at once; then a new run begins.
const MAX_RUN: usize = 30;

/// The bytes that are hashed: trailing spaces removed, then the primary weight of each element, in two
/// bytes up to 0x7FFF, else in three with the top bit set.
pub(super) fn loose_key(text: &[u8]) -> Result<Vec<u8>> {
    let text = std::str::from_utf8(text).map_err(|_| {
        Error::invalid("a text that is not UTF-8 has no keyspace id by a unicode_loose vindex")
    })?;
    let text = text.trim_end_matches(' ');
    let mut key = Key { out: Vec::with_capacity(text.len() * 2), run: Vec::new(), last_class: 0 };
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    let mut block = Vec::new();
    while at < chars.len() {
        block.clear();
        at += next(&TABLE, &chars[at..], &mut block);
        key.append(&block);
    }
    key.flush();
    Ok(key.out)
}

/// Appends the elements of the character or contraction at the start of `text`; returns its length.
fn next(table: &Table, text: &[char], out: &mut Vec<Element>) -> usize {
    let Some((first, rest)) = text.split_first() else { return 0 };
    match table.contractions_of(*first) {
        None => {
            table.elements(*first, out);
            1
        }
        Some(root) => 1 + contraction(table, *first, root, rest, out),
    }
}

/// The longest contraction that `first` begins; returns how many of the following characters it takes.
///
/// Marks of a lower class than the next part's may stand between its parts (Unicode's "discontiguous
/// match"); their own elements follow.
fn contraction(table: &Table, first: char, root: usize, rest: &[char], out: &mut Vec<Element>) -> usize {
    let mut scan = Scan { table, node: root, found: None, taken: 0, text: rest };
    let mut at = scan.run(0);
    let mut between: Vec<char> = Vec::new();
    let mut between_taken = 0;
    if at < rest.len() && !scan.is_done() && table.classes(rest[at]).0 != 0 {
        let mut skipped_from = at;
        let mut class = table.classes(rest[at]).1;
        at += 1;
        let end = rest[at..].iter().position(|c| table.classes(*c).0 == 0).map_or(rest.len(), |n| at + n);
        scan.text = &rest[..end];
        while at < rest.len() && !scan.is_done() {
            let (lead, trail) = table.classes(rest[at]);
            if lead == 0 || class >= lead {
                break;
            }
            class = trail;
            let next = scan.run(at);
            if next == at {
                at += 1;
                continue;
            }
            between.extend_from_slice(&rest[skipped_from..at]);
            if scan.taken == next {
                between_taken = between.len();
            }
            (at, skipped_from) = (next, next);
        }
    }
    match scan.found {
        Some(elements) => out.extend_from_slice(table.contracted(elements)),
        None => table.elements(first, out),
    }
    let mut skipped = &between[..between_taken];
    while !skipped.is_empty() {
        skipped = &skipped[next(table, skipped, out)..];
    }
    scan.taken
}

/// A walk down the tree of contractions.
struct Scan<'a> {
    table: &'a Table,
    node: usize,
    /// The last whole contraction that was passed, and how far it reaches.
    found: Option<usize>,
    taken: usize,
    text: &'a [char],
}

impl Scan<'_> {
    /// Goes on with the characters from `at`; returns the position of the first that does not fit.
    fn run(&mut self, mut at: usize) -> usize {
        while let Some(c) = self.text.get(at)
            && let Some(child) = self.table.child(self.node, *c)
        {
            at += 1;
            self.node = child;
            if let Some(found) = self.table.complete(child) {
                (self.found, self.taken) = (Some(found), at);
            }
        }
        at
    }

    fn is_done(&self) -> bool {
        self.table.is_leaf(self.node)
    }
}

/// Puts elements in order and writes their weights.
struct Key {
    out: Vec<u8>,
    /// Elements of marks since the last base character, by class.
    run: Vec<Element>,
    last_class: u8,
}

impl Key {
    fn append(&mut self, block: &[Element]) {
        let (Some(first), Some(last)) = (block.first(), block.last()) else { return };
        if !self.run.is_empty() {
            if first.class != 0 && self.run.len() + block.len() <= MAX_RUN {
                return self.insert(first.class, block);
            }
            self.flush();
        }
        if last.class == 0 {
            block.iter().for_each(|e| self.write(*e));
            return;
        }
        let bases = block.iter().take_while(|e| e.class == 0).count();
        block[..bases].iter().for_each(|e| self.write(*e));
        self.run.extend_from_slice(&block[bases..]);
        self.last_class = last.class;
    }

    /// A block of marks goes before those of a higher class.
    fn insert(&mut self, class: u8, block: &[Element]) {
        if class >= self.last_class {
            self.last_class = class;
            self.run.extend_from_slice(block);
            return;
        }
        let mut at = self.run.len() - 1;
        while at > 0 && class < self.run[at - 1].class {
            at -= 1;
        }
        self.run.splice(at..at, block.iter().copied());
    }

    fn flush(&mut self) {
        for element in std::mem::take(&mut self.run) {
            self.write(element);
        }
    }

    fn write(&mut self, element: Element) {
        let [_, high, mid, low] = element.weight.to_be_bytes();
        match element.weight {
            0 => {}
            1..=0x7FFF => self.out.extend([mid, low]),
            _ => self.out.extend([high | 0x80, mid, low]),
        }
    }
}
