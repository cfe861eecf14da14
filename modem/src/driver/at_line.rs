//! Which commands an operator may send by hand: questions, and those that are known to ask only. What nobody knows is
//! sent at the operator's own risk, and what is known to break the session, or the SIM, not even then.
//!
//! The driver knows what it told the modem. A command that changes this behind its back would have it act on what is no
//! longer so, and some cannot be taken back: a PIN that is tried twice too often needs its PUK. Vendors have thousands of
//! commands, so those that do no harm are listed, not those that do.

use super::api::AtLine;
use shunt_at::{Class, Command, CommandError};
use std::fmt;
use std::str::FromStr;

/// Why a command is refused, and what does it properly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Echo, result codes, character set, speed, multiplexing, sleep.
    Session,
    /// What the modem reports by itself.
    Reports,
    /// Calls and contexts.
    Bearer,
    /// Attaching, and the choice of the network.
    Registration,
    /// The radio, restarts, switching off.
    Radio,
    /// PINs and whatever talks to the card itself.
    Sim,
    /// The slot.
    Slot,
    /// Messages.
    Messages,
    /// Anything else without a prefix (`ATX4`, `AT&K3`, `ATS0=1`).
    Basic,
    /// No question, and not known to ask only: sent at the operator's own risk.
    Unknown,
}

/// Why a text is no command to be sent by hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AtLineError {
    /// The protocol does not take it.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// It would break the session.
    #[error("failed to send {command:?} by hand: {harm}")]
    Harmful {
        /// The part of the line that would.
        command: String,
        /// Why, and what to do instead.
        harm: Harm,
    },
    /// A quote is not closed: whether what stands behind it belongs to it, modems see differently.
    #[error(
        "failed to send {line:?} by hand: one of its quotes (\") is not closed; close it, or leave it out"
    )]
    OpenQuote {
        /// The whole line.
        line: String,
    },
}

/// Commands that are run to ask something, and change nothing.
const READS: [&str; 40] = [
    "+CBC",
    "+CCID",
    "+CEER",
    "+CESQ",
    "+CGMI",
    "+CGMM",
    "+CGMR",
    "+CGPADDR",
    "+CGSN",
    "+CIMI",
    "+CLAC",
    "+CNUM",
    "+COPN",
    "+CPAS",
    "+CSQ",
    "+CSUB",
    "+GCAP",
    "+GMI",
    "+GMM",
    "+GMR",
    "+GSN",
    "+ICCID",
    "+QCCID",
    "+QCSQ",
    "+QGMR",
    "+QINISTAT",
    "+QNWINFO",
    "+QSPN",
    "+QTEMP",
    "+SIMCOMATI",
    "#CCID",
    "#CGMM",
    "#CGMR",
    "#CGSN",
    "#CIMI",
    "#RFSTS",
    "#SERVINFO",
    "^CHIPTEMP",
    "^MONSC",
    "^SYSINFOEX",
];

/// The same with parameters, which say what is asked.
const READS_OF: [&str; 8] =
    ["+CGPADDR", "+CGCONTRDP", "+CGSCONTRDP", "+CGEQOSRDP", "+CGSN", "+QENG", "+QLTS", "+QNETDEVSTATUS"];

/// Commands that may be asked (`?`, `=?`) but not set or run, not at anybody's risk, each with what it would do.
const SETTINGS: [(Harm, &[&str]); 8] = [
    (
        Harm::Session,
        &[
            "+CMUX", "+CMEE", "+CSCS", "+IPR", "+IFC", "+ICF", "+ILRR", "+CSCLK", "+QSCLK", "+QURCCFG",
            "+UPSV", "+CRC", "+CFCS",
        ],
    ),
    (
        Harm::Reports,
        &[
            "+CREG",
            "+CGREG",
            "+CEREG",
            "+C5GREG",
            "+CGEREP",
            "+CNMI",
            "+CSMS",
            "+CMER",
            "+QSIMSTAT",
            "+QINDCFG",
            "^CURC",
            "#QSS",
        ],
    ),
    (
        Harm::Bearer,
        &[
            "+CGACT",
            "+CGDATA",
            "+CGDCONT",
            "+CGAUTH",
            "+QICSGP",
            "+QNETDEVCTL",
            "+QIACT",
            "+QIDEACT",
            "$QCRMCALL",
            "$QCPDPP",
            "+CNACT",
            "!SCACT",
            "^NDISDUP",
            "^AUTHDATA",
            "#ECM",
            "#ECMD",
            "#ICMAUTOCONN",
            "#NCM",
            "#NCMD",
            "+GTRNDIS",
            "+EIAAPN",
            "+XDATACHANNEL",
            "+XDNS",
            "+UAUTHREQ",
            "+UPSDA",
            "+MGAUTH",
            "#PDPAUTH",
        ],
    ),
    (Harm::Registration, &["+CGATT", "+COPS", "+WS46", "+CEMODE"]),
    (
        Harm::Radio,
        &[
            "+CFUN", "+CRESET", "+CPOF", "+CPOWD", "+QPOWD", "+CPWROFF", "!RESET", "#REBOOT", "#SHDN",
            "^RESET", "+QRST", "+TRB", "+MSO",
        ],
    ),
    (
        Harm::Sim,
        &["+CPIN", "+CPIN2", "+CPWD", "+CLCK", "^CPIN", "+CSIM", "+CRSM", "+CCHO", "+CCHC", "+CGLA", "#QPIN"],
    ),
    (Harm::Slot, &["+QUIMSLOT", "+SMSIMCFG", "!UIMS", "^SIMSWITCH", "+GTDUALSIM", "+QDSIM", "#SIMSELECT"]),
    (
        Harm::Messages,
        &[
            "+CMGS", "+CMGW", "+CMSS", "+CMGC", "+CMGD", "+CMGR", "+CMGL", "+CMGF", "+CPMS", "+CNMA",
            "+CSMP", "+QCMGS", "+QCMGR",
        ],
    ),
];

impl AtLine {
    /// The command as it is sent.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// A command at the operator's own risk: it may change the modem for good, or take it away until a reset.
    ///
    /// # Errors
    ///
    /// It is no command, or one that is known to break the session or to use up the tries of a PIN.
    pub fn at_own_risk(text: &str) -> Result<Self, AtLineError> {
        checked(text, |harm| harm == Harm::Unknown)
    }
}

impl FromStr for AtLine {
    type Err = AtLineError;

    /// A command that is known to do no harm, with `AT` before it or without.
    fn from_str(text: &str) -> Result<Self, AtLineError> {
        checked(text, |_| false)
    }
}

/// A line of which each part is harmless, or has a harm that is `borne`.
fn checked(text: &str, borne: impl Fn(Harm) -> bool) -> Result<AtLine, AtLineError> {
    let text = text.trim();
    let bare = text.get(..2).is_none_or(|start| !start.eq_ignore_ascii_case("AT"));
    // What begins with a sign is a command whose AT was left out; a word or `+++` is not.
    let signed = text.starts_with(['+', '^', '!', '#', '$', '*', '%']) && !text.starts_with("++");
    let whole = if bare && signed { format!("AT{text}") } else { text.to_owned() };
    // Checked first: what is no command has no parts.
    let command = Command::new(&whole, Class::MultiLine(""))?;
    let body = command.text().get(2..).unwrap_or_default();
    // What a modem takes for its next command would pass as text here.
    if body.matches('"').count() % 2 != 0 {
        return Err(AtLineError::OpenQuote { line: whole });
    }
    for part in parts(body) {
        if let Some(harm) = harm(part).filter(|harm| !borne(*harm)) {
            return Err(AtLineError::Harmful { command: part.to_owned(), harm });
        }
    }
    Ok(AtLine(whole))
}

/// The commands of one line, which semicolons part (V.250, 5.2.2), save within quotes.
fn parts(body: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    body.split(move |c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

/// What `part` would break.
fn harm(part: &str) -> Option<Harm> {
    let part = part.to_ascii_uppercase();
    let first = part.chars().next()?;
    if first == 'I' && part.chars().skip(1).all(|c| c.is_ascii_digit()) {
        return None;
    }
    if first.is_ascii_alphanumeric() || "&\\/-@".contains(first) {
        return Some(match first {
            'D' | 'A' | 'H' | 'O' => Harm::Bearer,
            'E' | 'Q' | 'V' | 'Z' => Harm::Session,
            '&' if part.starts_with("&F") || part.starts_with("&W") => Harm::Session,
            _ => Harm::Basic,
        });
    }
    // Blanks within a command mean nothing to a modem.
    let part: String = part.chars().filter(|c| *c != ' ').collect();
    let end = part.find(['=', '?']).unwrap_or(part.len());
    let (name, rest) = part.split_at_checked(end)?;
    let reads = match rest {
        "?" | "=?" => true,
        "" => READS.contains(&name),
        _ => READS_OF.contains(&name),
    };
    if reads {
        return None;
    }
    let known = SETTINGS.iter().find(|(_, names)| names.contains(&name)).map(|(harm, _)| *harm);
    Some(known.unwrap_or(Harm::Unknown))
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session => "it changes how the modem answers, and nothing would be understood any more",
            Self::Reports => "it changes what the modem reports by itself, which the agent relies on",
            Self::Bearer => "bearers belong to the agent: set the APN in the config, or order a new bearer by `shunt modem reset --rung bearer`",
            Self::Registration => "it leaves the network: order `shunt modem reset --rung register` instead",
            Self::Radio => "it takes the modem away: use `shunt modem reset`",
            Self::Sim => "it may use up the tries of the PIN: name its file by pin_file in the config, and give a PUK in a phone",
            Self::Slot => "slots belong to the agent: use `shunt modem sim`",
            Self::Messages => "messages belong to the agent: use `shunt modem sms`",
            Self::Basic => "only `ATI` and commands that begin with a sign (`AT+…`) may be sent by hand; others set up the session",
            Self::Unknown => "it is no question, and not known to ask only; `--unsafe` sends it all the same, and it may change the modem for good",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<Harm> {
        match text.parse::<AtLine>() {
            Ok(_) => None,
            Err(AtLineError::Harmful { harm, .. }) => Some(harm),
            Err(error @ (AtLineError::Command(_) | AtLineError::OpenQuote { .. })) => {
                panic!("{text}: {error}")
            }
        }
    }

    #[test]
    fn questions_are_sent_and_what_breaks_the_session_is_not() {
        for text in [
            "AT+CSQ",
            "at+cops?",
            "AT+COPS=?",
            "ATI",
            "ATI9",
            "AT+CFUN?",
            "+CPIN?",
            "AT+QENG=\"servingcell\"",
            "AT!GSTATUS?",
            "AT+CSQ;+CESQ",
            "AT+CPIN=?",
            "AT^HCSQ?",
            "AT+QCFG=?",
            "AT+CGPADDR=1",
            "AT+CSQ;^SYSINFOEX;+QENG=\"servingcell\";I",
        ] {
            assert_eq!(refused(text), None, "{text}");
        }
        for (text, harm) in [
            ("ATZ", Harm::Session),
            ("ATV0", Harm::Session),
            ("AT&F", Harm::Session),
            ("AT+CMUX=0", Harm::Session),
            ("AT+IPR=9600", Harm::Session),
            ("ATD*99#", Harm::Bearer),
            ("ATH", Harm::Bearer),
            ("AT+CGACT=0,1", Harm::Bearer),
            ("AT+COPS=2", Harm::Registration),
            ("AT+CFUN=1,1", Harm::Radio),
            ("at + cfun = 0", Harm::Radio),
            ("AT+CSQ;+CFUN=0", Harm::Radio),
            ("AT+QTEMP;+QPOWD", Harm::Radio),
            ("AT+CRESET", Harm::Radio),
            ("AT+CPIN=\"1234\"", Harm::Sim),
            ("AT+CSIM=10,\"0020000100\"", Harm::Sim),
            ("AT+QUIMSLOT=2", Harm::Slot),
            ("AT+CMGS=24", Harm::Messages),
            ("AT+CNMI=0,0", Harm::Reports),
            ("ATX4", Harm::Basic),
            ("ATIE0", Harm::Basic),
            ("ATS0=1", Harm::Basic),
            ("AT&K3", Harm::Basic),
        ] {
            assert_eq!(refused(text), Some(harm), "{text}");
        }
    }

    #[test]
    fn what_nobody_knows_is_sent_at_the_operators_own_risk_and_what_breaks_the_session_not_even_then() {
        for text in [
            "AT+QCFG=\"usbnet\",1",
            "AT+QCFG=\"a;b\"",
            "AT+QPRTPARA=3",
            "AT+EGMR=1,7,\"490154203237518\"",
            "AT#USBCFG=1",
            "AT!USBCOMP=1,1,1009",
            "AT^SETPORT=\"FF;10\"",
            "AT+QIOPEN=1,0,\"TCP\",\"192.0.2.1\",80,0,2",
            "AT+QFUPL=\"a\",100",
            "AT+CSQ=1",
            "AT+NOBODYKNOWS",
        ] {
            assert_eq!(refused(text), Some(Harm::Unknown), "{text}");
            assert_eq!(AtLine::at_own_risk(text).unwrap().text(), text);
        }
        for text in [
            "AT+CPIN=\"1234\"",
            "AT+QCFG=\"a\";+CFUN=0",
            "AT+QCMGS=\"1\"",
            "AT+CSIM=10,\"0020000100\"",
            "ATZ",
            "ATS0=1",
            "+++",
        ] {
            assert!(AtLine::at_own_risk(text).is_err(), "{text}");
        }
        assert!("AT+QCFG=\"usbnet\",1".parse::<AtLine>().unwrap_err().to_string().contains("--unsafe"));
    }

    #[test]
    fn a_quote_that_is_not_closed_hides_no_command() {
        for text in ["AT+QENG=\"x;+CFUN=0", "AT+QENG=\"a\",\";+CPIN=\"1234\"", "AT+CSQ;+QENG=\""] {
            let refused = |line: Result<AtLine, AtLineError>| {
                line.is_err_and(|error| error.to_string().contains("not closed"))
            };
            assert!(refused(text.parse()) && refused(AtLine::at_own_risk(text)), "{text}");
        }
    }

    #[test]
    fn what_is_no_command_is_told_by_the_protocol() {
        for text in ["AT", "ATE0", "+++", "hello", "AT+X=\u{7}", "AT+CSQ\r+CFUN=0", ""] {
            assert!(matches!(text.parse::<AtLine>(), Err(AtLineError::Command(_))), "{text:?}");
        }
    }

    #[test]
    fn each_refusal_names_what_does_it_instead_or_why_nothing_does() {
        let error = "AT+CFUN=1,1".parse::<AtLine>().unwrap_err().to_string();
        assert!(error.starts_with("failed to send") && error.contains("shunt modem reset"), "{error}");
    }
}
