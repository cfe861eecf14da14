//! `+CREG`, `+CGREG`, `+CEREG`, `+C5GREG`: the reply to a read and the unsolicited report bear one name.
//!
//! 3GPP TS 27.007 (7.2, 10.1.20, 10.1.22, 10.1.47): the read answers `<n>,<stat>[,<lac>,<ci>[,…]]`, the report
//! is `<stat>[,<lac>,<ci>[,…]]`. So they are told apart by their second argument: a state is one
//! number of one digit (some modems write `001`), an area code is quoted, longer, or left empty.

/// The names that both share, with the colon.
const PREFIXES: [&str; 4] = ["+CREG:", "+CGREG:", "+CEREG:", "+C5GREG:"];

/// The highest registration state (27.007: 0 to 11).
const MAX_STAT: u8 = 11;

/// Whether `line` has the shape of an unsolicited registration report.
pub(crate) fn is_report(line: &str) -> bool {
    PREFIXES.iter().find_map(|prefix| line.strip_prefix(prefix)).is_some_and(|arguments| {
        let mut arguments = arguments.split(',').map(str::trim);
        let first = arguments.next();
        match (first, arguments.next()) {
            (Some(_), Some(second)) => !is_stat(second),
            (Some(_), None) => true,
            (None, _) => false,
        }
    })
}

/// A state, not an area code: a small number without quotes, of one digit, or padded to three or two
/// where the number is in range. Area codes have four digits or more, save where blanks cut them.
fn is_stat(text: &str) -> bool {
    (1..=3).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<u8>().is_ok_and(|stat| stat <= MAX_STAT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_argument_tells_a_read_from_a_report() {
        for read in [
            "+CREG: 2,1,  0 5, 2715",
            "+CREG: 2,5,\"0502\",\"0404736D\"",
            "+CREG: 2,1,000B,2816, B, C2816",
            "+CREG:002,001,\"18d8\",\"ffff\"",
            "+CEREG: 0,11",
        ] {
            assert!(!is_report(read), "{read}");
        }
        for report in [
            "+CREG: 1",
            "+CREG: 5,\"0502\",\"0404736D\",7",
            "+CEREG: 1,000B,00C2816F,7",
            "+CREG: 2,,",
            "+C5GREG: 1,\"0005\",\"000000010\",11",
        ] {
            assert!(is_report(report), "{report}");
        }
        assert!(!is_report("+CSQ: 20,99"));
    }
}
