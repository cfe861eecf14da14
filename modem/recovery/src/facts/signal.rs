//! Signal, in its units.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A power in whole decibels over a milliwatt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dbm(pub i16);

impl fmt::Display for Dbm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dBm", self.0)
    }
}

/// A ratio in tenths of a decibel: RSRQ has steps of 0.5 dB, some modems' SINR of 0.2 dB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TenthsOfDb(pub i16);

impl fmt::Display for TenthsOfDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let tenths = self.0.unsigned_abs();
        write!(f, "{sign}{}.{} dB", tenths / 10, tenths % 10)
    }
}

/// What the serving cell is received with; `None` where the modem does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Signal {
    /// Received power over the whole band (`+CSQ`).
    pub rssi: Option<Dbm>,
    /// Reference signal received power (LTE, 5G).
    pub rsrp: Option<Dbm>,
    /// Reference signal received quality.
    pub rsrq: Option<TenthsOfDb>,
    /// Signal to interference and noise.
    pub sinr: Option<TenthsOfDb>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_below_one_keep_their_sign() {
        let shown = [-105, -5, 0, 5, 105].map(|tenths| TenthsOfDb(tenths).to_string());
        assert_eq!(shown, ["-10.5 dB", "-0.5 dB", "0.0 dB", "0.5 dB", "10.5 dB"]);
    }
}
