//! Bytes within JSON: the image of a firmware, as hexadecimal digits.

/// Bytes as two hexadecimal digits each.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that digits stand for, in pairs; `None`: they do not.
pub(crate) fn unhex(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(value(high)? << 4 | value(low)?).ok(),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_through_and_what_are_no_pairs_of_digits_does_not() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(&hex(&all)), Some(all));
        assert_eq!((unhex(""), unhex("0aFf")), (Some(vec![]), Some(vec![0x0a, 0xff])));
        for wrong in ["0", "0g", "+1", "0x12", "12 34", "é0"] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }
}
