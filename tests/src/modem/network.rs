//! The network that the modem meets: who runs it, whom it lets in, how strong it is, and which addresses it gives.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Everything outside the modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Whether the modem is let in.
    pub service: Service,
    /// The operator's long name.
    pub operator: String,
    /// Mobile country code, three digits.
    pub mcc: String,
    /// Mobile network code, two or three digits.
    pub mnc: String,
    /// Tracking area code.
    pub tac: u16,
    /// Cell, 28 bits.
    pub cell: u32,
    /// Physical cell id.
    pub pci: u16,
    /// Channel number.
    pub earfcn: u32,
    /// Band.
    pub band: u8,
    /// How strong it is.
    pub signal: Signal,
    /// The names that are served; none: any.
    pub apns: Vec<String>,
    /// The name that each bearer gets, whatever it asks for; none: the one it asks for.
    pub forced_apn: Option<String>,
    /// What the bearers are given, in turn; the last one stays.
    pub addresses: Vec<Addresses>,
}

/// Whether a modem is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// There is no network.
    None,
    /// The card's own.
    Home,
    /// Another one that serves the card.
    Roaming,
    /// Refused, with an EMM cause (3GPP TS 24.301, 9.9.3.9).
    Denied(u8),
}

/// How strong the network is at the modem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Received power of the whole band, in dBm.
    pub rssi: i16,
    /// Received power of the cell's own signal, in dBm.
    pub rsrp: i16,
    /// Its share, in dB.
    pub rsrq: i16,
    /// Signal to noise and interference, in dB.
    pub sinr: i16,
}

/// What a bearer is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Address and prefix length.
    pub v4: Option<(Ipv4Addr, u8)>,
    /// The router beside that address.
    pub gateway_v4: Option<Ipv4Addr>,
    /// Address and prefix length.
    pub v6: Option<(Ipv6Addr, u8)>,
    /// The router beside that address.
    pub gateway_v6: Option<Ipv6Addr>,
    /// Name servers.
    pub dns: Vec<IpAddr>,
    /// The largest packet, in bytes.
    pub mtu: u16,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            service: Service::Home,
            operator: "Shunt Mobile".into(),
            mcc: "262".into(),
            mnc: "01".into(),
            tac: 0x1a2b,
            cell: 0x01d3_0f02,
            pci: 301,
            earfcn: 1300,
            band: 3,
            signal: Signal { rssi: -65, rsrp: -95, rsrq: -9, sinr: 15 },
            apns: Vec::new(),
            forced_apn: None,
            addresses: vec![Addresses::default()],
        }
    }
}

impl Default for Addresses {
    /// Of the documentation ranges (RFC 5737, RFC 3849).
    fn default() -> Self {
        Self {
            v4: Some((Ipv4Addr::new(198, 51, 100, 2), 30)),
            gateway_v4: Some(Ipv4Addr::new(198, 51, 100, 1)),
            v6: Some((Ipv6Addr::new(0x2001, 0xdb8, 0x101, 0, 0, 0, 0, 2), 64)),
            gateway_v6: Some(Ipv6Addr::new(0x2001, 0xdb8, 0x101, 0, 0, 0, 0, 1)),
            dns: vec![IpAddr::V4(Ipv4Addr::new(203, 0, 113, 53))],
            mtu: 1500,
        }
    }
}

impl Network {
    /// Mobile country and network code together.
    #[must_use]
    pub fn plmn(&self) -> String {
        format!("{}{}", self.mcc, self.mnc)
    }

    /// The name that a bearer is granted, with the operator behind it (3GPP TS 23.003, 9.1).
    pub(super) fn grants(&self, apn: &str) -> String {
        let asked = if apn.is_empty() { "internet" } else { apn };
        let name = self.forced_apn.as_deref().unwrap_or(asked);
        format!("{name}.mnc{:0>3}.mcc{}.gprs", self.mnc, self.mcc)
    }

    /// Whether a bearer of this name is served.
    pub(super) fn serves(&self, apn: &str) -> bool {
        apn.is_empty() || self.apns.is_empty() || self.apns.iter().any(|name| name.eq_ignore_ascii_case(apn))
    }
}

impl Signal {
    /// `+CSQ`: −113 dBm and less is 0, −51 dBm and more is 31 (3GPP TS 27.007, 8.5).
    pub(super) fn csq(self) -> i16 {
        ((self.rssi + 113) / 2).clamp(0, 31)
    }

    /// The last two of `+CESQ`, RSRQ and RSRP (3GPP TS 27.007, 8.69).
    pub(super) fn cesq(self) -> (i16, i16) {
        ((self.rsrq * 2 + 40).clamp(0, 34), (self.rsrp + 141).clamp(0, 97))
    }
}
