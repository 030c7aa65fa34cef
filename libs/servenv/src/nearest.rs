//! Names that somebody may have meant by one that is not there.

/// How many letters must be changed, put in or taken out to make one text of the other; upper case or not is the same.
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

/// The names that are nearly `name`, or have it in them: at most `most`, the nearest first. A name out of the blue has
/// no neighbours.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let length = name.chars().count();
    let lower = name.to_lowercase();
    let is_part = |other: &str| length >= 3 && other.to_lowercase().contains(&lower);
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .map(|other| (distance(name, other), other))
        // A third of it may be wrong.
        .filter(|(far, other)| far * 3 <= length || is_part(other))
        .collect();
    near.sort_unstable();
    near.truncate(most);
    near.into_iter().map(|(_, other)| other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, wanted) in [("", "abc", 3), ("abc", "ABC", 0), ("kitten", "sitting", 3), ("ab", "ba", 2)] {
            assert_eq!((distance(a, b), distance(b, a)), (wanted, wanted), "{a} {b}");
        }
    }

    #[test]
    fn a_name_that_is_nearly_right_has_neighbours() {
        let commands =
            ["GetTablet", "GetTablets", "ReparentTablet", "CreateKeyspace", "PlannedReparentShard"];
        let near = |name: &str| nearest(name, commands, 2);
        assert_eq!(near("gettablts"), ["GetTablets", "GetTablet"]);
        assert_eq!(near("get-tablets"), ["GetTablets", "GetTablet"]);
        assert_eq!(near("createkeyspac"), ["CreateKeyspace"]);
        assert_eq!(near("reparent"), ["ReparentTablet", "PlannedReparentShard"]);
        assert!(near("xyzzy").is_empty() && near("").is_empty());
    }
}
