use proptest::prelude::*;

use super::*;

fn d(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).unwrap()
}

#[test]
fn text_reads_and_prints() {
    for (text, printed) in [
        ("0", "0"),
        ("-0.00", "0.00"),
        ("007.50", "7.50"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-0.05", "-0.05"),
        (
            "+12345678901234567890123456789012345678901234567890.1",
            "12345678901234567890123456789012345678901234567890.1",
        ),
    ] {
        assert_eq!(d(text).to_string(), printed);
    }
    for bad in ["", "-", ".", "1e3", "1.2.3", " 1", "a"] {
        assert_eq!(Decimal::parse(bad.as_bytes()), None, "{bad:?}");
    }
}

#[test]
fn averages_round_half_away_from_zero() {
    let avg = |text: &str, count| d(text).divide(count, 4).unwrap().to_string();
    assert_eq!(avg("10", 3), "3.3333");
    assert_eq!(avg("20", 3), "6.6667");
    assert_eq!(avg("-20", 3), "-6.6667");
    assert_eq!(avg("1.00005", 1), "1.000050000");
    assert_eq!(d("0.5").divide(10, 0).unwrap().to_string(), "0.1");
    assert_eq!(d("0.4").divide(10, 0).unwrap().to_string(), "0.0");
    assert_eq!(d("1").divide(0, 4), None);
}

proptest! {
    #[test]
    fn sums_and_order_are_those_of_integers(a in -10i128.pow(30)..10i128.pow(30), b in -10i128.pow(30)..10i128.pow(30), scale in 0u32..10) {
        let text = |v: i128| {
            let unit = 10i128.pow(scale);
            let sign = if v < 0 { "-" } else { "" };
            let (whole, fraction) = (v.abs() / unit, v.abs() % unit);
            if scale == 0 { format!("{v}") } else { format!("{sign}{whole}.{fraction:0width$}", width = scale as usize) }
        };
        prop_assert_eq!(d(&text(a)).add(&d(&text(b))).to_string(), text(a + b));
        prop_assert_eq!(d(&text(a)).compare(&d(&text(b))), a.cmp(&b));
        prop_assert_eq!(Decimal::integer(a).to_string(), a.to_string());
    }

    #[test]
    fn order_does_not_see_trailing_zeros(a in -1000i64..1000, zeros in 0usize..5) {
        let padded = format!("{a}.{}", "0".repeat(zeros + 1));
        prop_assert_eq!(d(&padded).compare(&d(&a.to_string())), Ordering::Equal);
    }
}
