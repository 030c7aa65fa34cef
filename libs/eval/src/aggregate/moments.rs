//! Variances of parts put together (Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for
//! Computing Sample Variances", 1979): each part has its count, its mean and the sum of squared deviations from it.

use vterrors::{Error, Result};

use super::Spread;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moments {
    count: f64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    squares: f64,
}

impl Moments {
    /// A part's count, mean and variance; none for a part of no values.
    pub fn of(part: [Option<&[u8]>; 3]) -> Result<Option<Self>> {
        let [Some(count), Some(mean), Some(variance)] = part else { return Ok(None) };
        let number = |text: &[u8]| -> Result<f64> {
            let parsed = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
            parsed.ok_or_else(|| Error::internal("a part of a variance that is no number"))
        };
        let (count, mean, variance) = (number(count)?, number(mean)?, number(variance)?);
        Ok((count > 0.0).then_some(Self { count, mean, squares: variance * count }))
    }

    pub fn combined(self, other: Self) -> Self {
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + apart * other.count / count,
            squares: self.squares + other.squares + apart * apart * self.count * other.count / count,
        }
    }

    /// None for a sample of one.
    pub fn spread(self, spread: Spread) -> Option<f64> {
        let by = if spread.sample { self.count - 1.0 } else { self.count };
        let variance = (by > 0.0).then(|| self.squares / by)?;
        Some(if spread.root { variance.sqrt() } else { variance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_the_whole() {
        // 1 2 3 and 10 20: mean 7.2, variance 50.96.
        let part = |count: &str, mean: &str, variance: &str| {
            let text = [count, mean, variance].map(str::to_owned);
            Moments::of([0, 1, 2].map(|at: usize| Some(text[at].as_bytes()))).unwrap().unwrap()
        };
        let whole = part("3", "2", "0.6666666666666666").combined(part("2", "15", "25"));
        let near = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-9, "{a:?} {b}");
        near(whole.spread(Spread { sample: false, root: false }), 50.96);
        near(whole.spread(Spread { sample: true, root: false }), 63.7);
        near(whole.spread(Spread { sample: false, root: true }), 50.96f64.sqrt());
    }

    #[test]
    fn a_sample_of_one_has_no_variance() {
        let one = Moments::of([Some(b"1"), Some(b"4"), Some(b"0")]).unwrap().unwrap();
        assert_eq!(one.spread(Spread { sample: true, root: false }), None);
        assert_eq!(one.spread(Spread { sample: false, root: true }), Some(0.0));
        assert!(Moments::of([Some(b"0"), None, None]).unwrap().is_none());
    }
}
