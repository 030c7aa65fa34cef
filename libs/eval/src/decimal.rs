//! Decimal numbers of any length, in MySQL's text form: compare, add, divide by a count.
//!
//! MySQL's DECIMAL has up to 65 digits, more than any machine type; sums grow further. Digits are kept one
//! a byte: the numbers are short, and their text is what comes in and goes out.

use std::{cmp::Ordering, fmt};

/// A decimal number with a fixed count of digits after the point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// Digits 0 to 9, the most significant first; the last `scale` are after the point.
    digits: Vec<u8>,
    scale: usize,
}

impl Decimal {
    /// Zero with no digits after the point.
    pub fn zero() -> Self {
        Self { negative: false, digits: Vec::new(), scale: 0 }
    }

    /// A whole number.
    pub fn integer(value: i128) -> Self {
        let digits = value.unsigned_abs().to_string().into_bytes().iter().map(|b| b - b'0').collect();
        Self { negative: value < 0, digits, scale: 0 }.trimmed()
    }

    /// Reads an optional sign, digits, and an optional fraction; none for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (negative, rest) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            (b'+', rest) => (false, rest),
            _ => (false, text),
        };
        let point = rest.iter().position(|b| *b == b'.');
        let (whole, fraction) = match point {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &[][..]),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let digit = |b: &u8| b.is_ascii_digit().then(|| b - b'0');
        let digits = whole.iter().chain(fraction).map(digit).collect::<Option<Vec<u8>>>()?;
        Some(Self { negative, digits, scale: fraction.len() }.trimmed())
    }

    /// Digits after the point.
    pub fn scale(&self) -> usize {
        self.scale
    }

    pub fn is_zero(&self) -> bool {
        self.digits.iter().all(|d| *d == 0)
    }

    /// Without leading zeros before the point, and without a negative zero.
    fn trimmed(mut self) -> Self {
        let whole = self.digits.len().saturating_sub(self.scale);
        let zeros = self.digits[..whole].iter().take_while(|d| **d == 0).count();
        self.digits.drain(..zeros);
        if self.is_zero() {
            self.negative = false;
        }
        self
    }

    /// The digits as if there were `scale` of them after the point (no fewer than there are).
    fn at_scale(&self, scale: usize) -> Vec<u8> {
        let mut digits = self.digits.clone();
        digits.resize(digits.len() + scale - self.scale, 0);
        digits
    }

    /// The sum, with the larger scale of the two.
    pub fn add(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.at_scale(scale), other.at_scale(scale));
        let (negative, digits) = if self.negative == other.negative {
            (self.negative, add(&a, &b))
        } else {
            match magnitude(&a, &b) {
                Ordering::Less => (other.negative, subtract(&b, &a)),
                _ => (self.negative, subtract(&a, &b)),
            }
        };
        Self { negative, digits, scale }.trimmed()
    }

    /// The quotient with `more` digits after the point than now, rounded half away from zero, as MySQL's
    /// AVG does it. None for a count of zero.
    pub fn divide(&self, count: u64, more: usize) -> Option<Self> {
        if count == 0 {
            return None;
        }
        let scale = self.scale + more;
        let (mut rest, count) = (0u128, u128::from(count));
        // One digit more than is kept, to round by.
        let mut digits: Vec<u8> = self
            .at_scale(scale + 1)
            .iter()
            .map(|digit| {
                rest = rest * 10 + u128::from(*digit);
                let quotient = rest / count;
                rest %= count;
                quotient as u8
            })
            .collect();
        if digits.pop().is_some_and(|last| last >= 5) {
            digits = add(&digits, &[1]);
        }
        Some(Self { negative: self.negative, digits, scale }.trimmed())
    }
}

/// The order of two digit strings of the same scale.
fn magnitude(a: &[u8], b: &[u8]) -> Ordering {
    let strip = |d: &[u8]| d.iter().position(|d| *d != 0).unwrap_or(d.len());
    let (a, b) = (&a[strip(a)..], &b[strip(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let len = a.len().max(b.len()) + 1;
    let mut out = vec![0; len];
    let mut carry = 0;
    for at in 0..len {
        let digit = |d: &[u8]| d.len().checked_sub(at + 1).map_or(0, |i| d[i]);
        let sum = digit(a) + digit(b) + carry;
        out[len - 1 - at] = sum % 10;
        carry = sum / 10;
    }
    out
}

/// `a - b`, where `a` is not the smaller.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let len = a.len().max(b.len());
    let mut out = vec![0; len];
    let mut borrow = 0;
    for at in 0..len {
        let digit = |d: &[u8]| d.len().checked_sub(at + 1).map_or(0, |i| d[i]);
        let (from, take) = (digit(a), digit(b) + borrow);
        borrow = u8::from(from < take);
        out[len - 1 - at] = from + 10 * borrow - take;
    }
    out
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.compare(other))
    }
}

impl Decimal {
    /// The order of the numbers; digits after the point that are zero do not count.
    pub fn compare(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        let order = magnitude(&self.at_scale(scale), &other.at_scale(scale));
        match (self.negative, other.negative) {
            (false, false) => order,
            (true, true) => order.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let missing = self.scale.saturating_sub(self.digits.len());
        let (whole, fraction) = self.digits.split_at(self.digits.len().saturating_sub(self.scale));
        if whole.is_empty() {
            f.write_str("0")?;
        }
        whole.iter().try_for_each(|d| write!(f, "{d}"))?;
        if self.scale > 0 {
            write!(f, ".{:0<width$}", "", width = missing)?;
            fraction.iter().try_for_each(|d| write!(f, "{d}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
