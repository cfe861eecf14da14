//! Final result codes and boot banners: the lines that end a command, each a whole line.

/// How a modem ended a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Final {
    /// `OK`: done.
    Ok,
    /// `CONNECT…`: the port now carries data, until the call ends or is escaped.
    Connect,
    /// `ERROR`: refused without a cause.
    Error,
    /// `+CME ERROR: n` (3GPP TS 27.007, 9.2): the number, or `None` where the modem wrote words.
    Cme(Option<u16>),
    /// `+CMS ERROR: n` (3GPP TS 27.005, 3.2.5): the number, or `None` where the modem wrote words.
    Cms(Option<u16>),
    /// `NO CARRIER`: the call ended or was never made.
    NoCarrier,
    /// `NO DIALTONE`, also written `NO DIAL TONE`.
    NoDialtone,
    /// `BUSY`: the far side is engaged.
    Busy,
    /// `NO ANSWER`: the far side did not answer.
    NoAnswer,
    /// `COMMAND NOT SUPPORT`: some vendors' word for an unknown command.
    NotSupported,
}

impl Final {
    /// The final code that `line` is, if the whole of it is one. Trailing blanks do not count.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end();
        match line {
            "OK" => Some(Self::Ok),
            "ERROR" => Some(Self::Error),
            "NO CARRIER" => Some(Self::NoCarrier),
            "NO DIALTONE" | "NO DIAL TONE" => Some(Self::NoDialtone),
            "BUSY" => Some(Self::Busy),
            "NO ANSWER" => Some(Self::NoAnswer),
            "COMMAND NOT SUPPORT" => Some(Self::NotSupported),
            "CONNECT" => Some(Self::Connect),
            _ => {
                if let Some(cause) = line.strip_prefix("+CME ERROR:") {
                    Some(Self::Cme(cause.trim().parse().ok()))
                } else if let Some(cause) = line.strip_prefix("+CMS ERROR:") {
                    Some(Self::Cms(cause.trim().parse().ok()))
                } else {
                    line.starts_with("CONNECT ").then_some(Self::Connect)
                }
            }
        }
    }

    /// Whether the code tells of a call. Such a code also comes unsolicited, when a call ends, so it
    /// ends only a command that opens a call.
    pub(crate) fn tells_of_a_call(self) -> bool {
        match self {
            Self::Connect | Self::NoCarrier | Self::NoDialtone | Self::Busy | Self::NoAnswer => true,
            Self::Ok | Self::Error | Self::Cme(_) | Self::Cms(_) | Self::NotSupported => false,
        }
    }
}

/// What a modem says when it has just booted, so that nothing it was asked before will be answered.
const BOOT_BANNERS: [&str; 3] = ["RDY", "+AT: READY", "^SYSSTART"];

/// Whether `line` says that the modem has just booted.
pub(crate) fn is_boot_banner(line: &str) -> bool {
    BOOT_BANNERS.contains(&line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_code_is_a_whole_line() {
        assert_eq!(Final::parse("OK "), Some(Final::Ok));
        assert_eq!(Final::parse("CONNECT 150000000"), Some(Final::Connect));
        assert_eq!(Final::parse("+CME ERROR: 10"), Some(Final::Cme(Some(10))));
        assert_eq!(Final::parse("+CME ERROR: SIM not inserted"), Some(Final::Cme(None)));
        assert_eq!(Final::parse("+CMS ERROR:500"), Some(Final::Cms(Some(500))));
        for text in ["OKAY", " OK", "ERROR 5", "ERRORS", "CONNECTED", "NO CARRIER 2", "+CREG: 1", "", "ok"] {
            assert_eq!(Final::parse(text), None, "{text:?}");
        }
    }
}
