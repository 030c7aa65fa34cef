//! The table of weights, read once from the file that `tools/loose_weights.go` wrote.

use std::{collections::BTreeMap, sync::LazyLock};

static FILE: &[u8] = include_bytes!("weights.bin");

/// Read at first use: a few hundred kilobytes and about a millisecond that most processes never need.
pub(super) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(FILE));

/// One collation element: its primary weight (0 for none) and combining class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub weight: u32,
    pub class: u8,
}

/// Weights, contractions and combining classes of all characters.
pub(super) struct Table {
    /// Start, end, offset: the weight of a character in it is its code point plus the offset.
    implicit: Vec<(u32, u32, u32)>,
    /// Code points, sorted, and where their elements end in `elements`.
    characters: Vec<(u32, u32)>,
    elements: Vec<Element>,
    /// The tree of contractions: children by (node, character), and whole ones by node.
    children: BTreeMap<(usize, char), usize>,
    complete: BTreeMap<usize, usize>,
    contracted: Vec<Vec<Element>>,
    /// Start, end, class of the first character of the decomposition, class of the last.
    classes: Vec<(u32, u32, u8, u8)>,
}

const HANGUL: std::ops::Range<u32> = 0xAC00..0xD7A4;

impl Table {
    fn read(file: &[u8]) -> Self {
        let mut reader = Reader { file, at: 0, last: 0 };
        let mut end = 0;
        let implicit = (0..reader.number())
            .map(|_| {
                let start = end + reader.number();
                end = start + reader.number();
                (start, end, reader.number())
            })
            .collect();
        let (mut elements, mut code) = (Vec::new(), 0);
        let characters = (0..reader.number())
            .map(|_| {
                code += reader.number();
                reader.elements(&mut elements);
                (code, elements.len() as u32)
            })
            .collect();
        let mut table = Self {
            implicit,
            characters,
            elements,
            children: BTreeMap::new(),
            complete: BTreeMap::new(),
            contracted: Vec::new(),
            classes: Vec::new(),
        };
        for _ in 0..reader.number() {
            let mut node = 0;
            for _ in 0..reader.number() {
                let c = char::from_u32(reader.number()).unwrap_or_default();
                let new = table.children.len() + 1;
                node = *table.children.entry((node, c)).or_insert(new);
            }
            let mut elements = Vec::new();
            reader.elements(&mut elements);
            table.complete.insert(node, table.contracted.len());
            table.contracted.push(elements);
        }
        let mut end = 0;
        table.classes = (0..reader.number())
            .map(|_| {
                let start = end + reader.number();
                end = start + reader.number();
                (start, end, reader.number() as u8, reader.number() as u8)
            })
            .collect();
        table
    }

    /// Appends the elements of a character by itself.
    pub fn elements(&self, c: char, out: &mut Vec<Element>) {
        let code = u32::from(c);
        if HANGUL.contains(&code) {
            return hangul_letters(code).into_iter().flatten().for_each(|letter| self.listed(letter, out));
        }
        let after = self.implicit.partition_point(|(start, ..)| *start <= code);
        match after.checked_sub(1).map(|at| self.implicit[at]) {
            Some((_, end, offset)) if code < end => out.push(Element { weight: code + offset, class: 0 }),
            _ => self.listed(code, out),
        }
    }

    fn listed(&self, code: u32, out: &mut Vec<Element>) {
        if let Ok(at) = self.characters.binary_search_by_key(&code, |(code, _)| *code) {
            let start = at.checked_sub(1).map_or(0, |before| self.characters[before].1) as usize;
            out.extend_from_slice(&self.elements[start..self.characters[at].1 as usize]);
        }
    }

    /// The node of the contractions that a character begins.
    pub fn contractions_of(&self, c: char) -> Option<usize> {
        self.child(0, c)
    }

    pub fn child(&self, node: usize, c: char) -> Option<usize> {
        self.children.get(&(node, c)).copied()
    }

    pub fn is_leaf(&self, node: usize) -> bool {
        self.children.range((node, '\0')..).next().is_none_or(|((parent, _), _)| *parent != node)
    }

    /// The number of the contraction that ends at a node.
    pub fn complete(&self, node: usize) -> Option<usize> {
        self.complete.get(&node).copied()
    }

    pub fn contracted(&self, number: usize) -> &[Element] {
        &self.contracted[number]
    }

    /// The combining classes of the first and the last character of a character's decomposition.
    pub fn classes(&self, c: char) -> (u8, u8) {
        let code = u32::from(c);
        let after = self.classes.partition_point(|(start, ..)| *start <= code);
        match after.checked_sub(1).map(|at| self.classes[at]) {
            Some((_, end, lead, trail)) if code < end => (lead, trail),
            _ => (0, 0),
        }
    }
}

/// The two or three letters of a syllable (Unicode Standard, 3.12, "Conjoining Jamo Behavior").
fn hangul_letters(code: u32) -> [Option<u32>; 3] {
    const VOWELS: u32 = 21;
    const TRAILING: u32 = 28;
    let index = code - HANGUL.start;
    let trailing = index % TRAILING;
    [
        Some(0x1100 + index / (VOWELS * TRAILING)),
        Some(0x1161 + index / TRAILING % VOWELS),
        (trailing > 0).then_some(0x11A7 + trailing),
    ]
}

/// Reads the file; past its end there are only zeros.
struct Reader<'a> {
    file: &'a [u8],
    at: usize,
    last: u32,
}

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let byte = self.file.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        byte
    }

    fn number(&mut self) -> u32 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            value |= u32::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 || shift > 28 {
                return value;
            }
        }
    }

    fn elements(&mut self, out: &mut Vec<Element>) {
        for _ in 0..self.number() {
            let number = self.number();
            let value = number >> 2;
            out.push(match number & 3 {
                kind @ (0 | 1) => {
                    let difference = (value >> 1) ^ (value & 1).wrapping_neg();
                    self.last = self.last.wrapping_add(difference);
                    let class = if kind == 1 { self.byte() } else { 0 };
                    Element { weight: self.last, class }
                }
                2 => Element { weight: 0, class: value as u8 },
                _ => Element { weight: 0, class: 0 },
            });
        }
    }
}
