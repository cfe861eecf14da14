//! How long modems may take to answer, by command: the longest that vendors name.
//!
//! Too short a limit makes a late reply, which costs a fence; too long a one only delays the news of a hang.

use std::time::Duration;

/// A question that the modem answers from memory. Vendors name 300 ms (Quectel) to 9 s.
pub const QUERY: Duration = Duration::from_secs(9);
/// Registration and signal, which are asked for all the time: Quectel names 300 ms, others none.
pub const STATUS: Duration = Duration::from_secs(5);
/// The operator's name: it may be read from the SIM, which may be busy.
pub const OPERATOR: Duration = Duration::from_secs(20);
/// A search for networks (`+COPS=?`): 180 s by vendors, and ModemManager allows 315 s.
pub const NETWORK_SEARCH: Duration = Duration::from_secs(315);
/// Choosing an operator (`+COPS=`), also leaving the network and coming back.
pub const OPERATOR_CHOICE: Duration = Duration::from_secs(120);
/// Attaching and detaching (`+CGATT=`): Quectel names 30 s, others as long as for a bearer.
pub const ATTACH: Duration = Duration::from_secs(150);
/// A bearer up (`+CGACT=1`, the vendors' own, and dialling): Quectel and u-blox name 150 s.
pub const BEARER_UP: Duration = Duration::from_secs(150);
/// A bearer down (`+CGACT=0`): u-blox names 40 s.
pub const BEARER_DOWN: Duration = Duration::from_secs(40);
/// The radio off and on, and resets (`+CFUN=`): 15 s by some, 180 s by others.
pub const RADIO: Duration = Duration::from_secs(180);
/// Sending a message (`+CMGS`, 27.005): the network's answer is waited for.
pub const MESSAGE: Duration = Duration::from_secs(120);
/// The prompt of a message, before its text.
pub const PROMPT: Duration = Duration::from_secs(5);
/// The SIM: its state, a PIN, its identity.
pub const SIM: Duration = Duration::from_secs(20);

/// The beginnings of commands and their limits; the first that fits counts.
const TABLE: [(&str, Duration); 40] = [
    ("AT+COPS=?", NETWORK_SEARCH),
    ("AT+COPS=", OPERATOR_CHOICE),
    ("AT+COPS?", OPERATOR),
    ("AT+CGATT=", ATTACH),
    ("AT+CGACT=0", BEARER_DOWN),
    ("AT+CGACT=", BEARER_UP),
    ("AT+CGDATA=", BEARER_UP),
    ("ATD", BEARER_UP),
    ("ATH", BEARER_DOWN),
    ("AT$QCRMCALL=0", BEARER_DOWN),
    ("AT$QCRMCALL=", BEARER_UP),
    ("AT+CNACT=", BEARER_UP),
    ("AT+QNETDEVCTL=", BEARER_UP),
    ("AT+QIACT=", BEARER_UP),
    ("AT+QIDEACT=", BEARER_DOWN),
    ("AT!SCACT=0", BEARER_DOWN),
    ("AT!SCACT=", BEARER_UP),
    ("AT#ECMD=", BEARER_DOWN),
    ("AT#ECM=", BEARER_UP),
    ("AT^NDISDUP=", BEARER_UP),
    ("AT+GTRNDIS=0", BEARER_DOWN),
    ("AT+GTRNDIS=", BEARER_UP),
    ("AT+CFUN=", RADIO),
    ("AT+CMGS=", MESSAGE),
    ("AT+CMSS=", MESSAGE),
    ("AT+CMGL", MESSAGE),
    ("AT+CMGD=", SIM),
    ("AT+CMGR=", SIM),
    ("AT+CPMS", SIM),
    ("AT+CPIN", SIM),
    ("AT+CLCK=", SIM),
    ("AT+CIMI", SIM),
    ("AT+CCID", SIM),
    ("AT+QCCID", SIM),
    ("AT+CREG?", STATUS),
    ("AT+CGREG?", STATUS),
    ("AT+CEREG?", STATUS),
    ("AT+C5GREG?", STATUS),
    ("AT+CSQ", STATUS),
    ("AT+CESQ", STATUS),
];

/// The longest that a modem may take to answer the command `text`, by its vendor's word or the longest of all.
#[must_use]
pub fn answer_to(text: &str) -> Duration {
    let fits = |start: &str| text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start));
    TABLE.iter().find(|(start, _)| fits(start)).map_or(QUERY, |(_, limit)| *limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_counts() {
        for (number, (start, _)) in TABLE.iter().enumerate() {
            let earlier = TABLE.iter().take(number).find(|(earlier, _)| start.starts_with(earlier));
            assert_eq!(earlier, None, "{start} is never reached");
        }
        assert_eq!(answer_to("at+cops=?"), NETWORK_SEARCH);
        assert_eq!(answer_to("AT+COPS=0"), OPERATOR_CHOICE);
        assert_eq!(answer_to("AT+CGACT=0,1"), BEARER_DOWN);
        assert_eq!(answer_to("AT+CGMM"), QUERY);
    }
}
