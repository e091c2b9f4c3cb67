//! International bank account numbers: length by country and check digits (ISO 13616, ISO 7064 MOD 97-10).

/// Lengths by country, as the registry of SWIFT lists them.
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AT", 20),
    ("BE", 16),
    ("BG", 22),
    ("CH", 21),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("EE", 20),
    ("ES", 24),
    ("FI", 18),
    ("FR", 27),
    ("GB", 22),
    ("GR", 27),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IS", 26),
    ("IT", 27),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MC", 27),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PL", 28),
    ("PT", 25),
    ("RO", 24),
    ("SA", 24),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("TR", 26),
    ("UA", 29),
];

/// Is it one? Spaces are passed over.
///
/// # Errors
/// What is wrong.
pub fn check(text: &str) -> Result<(), &'static str> {
    let bare: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_ascii_uppercase();
    let country = bare.get(..2).ok_or("too short")?;
    let length = LENGTHS
        .iter()
        .find(|(name, _)| *name == country)
        .map(|(_, length)| *length);
    if length.ok_or("a country that is not known here")? != bare.len() {
        return Err("the wrong length for its country");
    }
    let moved = format!("{}{}", &bare[4..], &bare[..4]);
    let mut rest = 0_u32;
    for c in moved.chars() {
        let value = c.to_digit(36).ok_or("a sign that does not belong there")?;
        rest = if value < 10 {
            rest * 10 + value
        } else {
            rest * 100 + value
        } % 97;
    }
    if rest == 1 {
        Ok(())
    } else {
        Err("the check digits do not hold")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_and_lengths_are_looked_at() {
        for good in [
            "DE89 3704 0044 0532 0130 00",
            "GB29 NWBK 6016 1331 9268 19",
            "FR14 2004 1010 0505 0001 3M02 606",
            "NL91ABNA0417164300",
            "AT61 1904 3002 3457 3201",
            "CH93 0076 2011 6238 5295 7",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        assert_eq!(
            check("DE89 3704 0044 0532 0130 01"),
            Err("the check digits do not hold")
        );
        assert_eq!(
            check("DE89 3704 0044 0532 0130 0"),
            Err("the wrong length for its country")
        );
        assert_eq!(
            check("XX89 3704 0044"),
            Err("a country that is not known here")
        );
        assert!(check("").is_err() && check("é").is_err());
    }
}
