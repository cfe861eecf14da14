//! A modem as JSON: a contract of the same kind as [`types`](super::types), documented beside it.

use serde::{Deserialize, Serialize};

/// One modem, as far as it is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModemStatus {
    /// The operator's name for it.
    pub name: String,
    /// The link that it carries.
    pub link: String,
    /// `no_modem`, `no_sim`, `searching`, `registered`, `bearer_up`, `verified` or `failed`.
    pub readiness: Readiness,
    /// Seconds since when.
    pub for_s: u64,
    /// How it stands: one phrase.
    pub text: String,
    /// What is wrong, with the mend; `null` while nothing is.
    pub trouble: Option<String>,
    /// Its AT port, where one is in use.
    pub port: Option<String>,
    /// Its place in sysfs, as far as it was found.
    pub device: Option<String>,
    /// The vendor's dialect that is spoken.
    pub dialect: String,
    /// Who made it, the model, the firmware, and its number; `null` before it was asked.
    pub identity: Option<ModemIdentity>,
    /// The SIM in use.
    pub sim: ModemSim,
    /// Where it is registered; `null` before it was asked.
    pub registration: Option<ModemRegistration>,
    /// How the serving cell is received.
    pub signal: ModemSignal,
    /// The serving cell first, then those that carry data besides.
    pub cells: Vec<ModemCell>,
    /// The bearer; `null` before it was asked.
    pub bearer: Option<ModemBearer>,
    /// Data flows, by the link's probes.
    pub data: bool,
    /// Seconds since the modem said something; `null`: not yet.
    pub heard_s: Option<u64>,
    /// The rung of the recovery ladder that is being carried out.
    pub rung: Option<String>,
    /// Seconds until the ladder, climbed in vain, is begun again.
    pub rests_s: Option<u64>,
    /// Resets within the last hour.
    pub resets_hour: u64,
    /// Resets within the last day.
    pub resets_day: u64,
    /// What the card in use carried in its billing month; `null` before the card is known.
    pub allowance: Option<ModemAllowance>,
    /// How warm the module is.
    pub temperature_c: Option<f64>,
    /// What was counted since its driver began.
    pub counters: ModemCounters,
}

/// What was counted of a modem since its driver began: with its config, or with another SIM's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModemCounters {
    /// Commands that were sent.
    pub commands: u64,
    /// Commands that got no answer in time.
    pub timeouts: u64,
    /// How often a port vanished while it was in use, or while the supply was cut.
    pub gone: u64,
    /// How often it said that it booted.
    #[serde(default)]
    pub boots: u64,
    /// Lines that it said by itself.
    pub urcs: u64,
    /// Such lines that were dropped because too many came at once.
    pub urcs_lost: u64,
    /// Messages that were taken over.
    pub messages: u64,
    /// What the driver could not tell the agent, which was too busy.
    pub untold: u64,
}

/// How ready a modem is to carry its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// No AT port of it answers.
    NoModem,
    /// No SIM.
    NoSim,
    /// Not registered yet.
    Searching,
    /// Registered, no bearer yet.
    Registered,
    /// The bearer is up, and not proved yet.
    BearerUp,
    /// Data was seen to flow.
    Verified,
    /// It cannot carry the link.
    Failed,
}

/// Which modem it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModemIdentity {
    /// Who made it.
    pub manufacturer: String,
    /// The model.
    pub model: String,
    /// The firmware.
    pub revision: String,
    /// Its number.
    pub imei: String,
}

/// The SIM in use; what is not known is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModemSim {
    /// `ready`, `pin`, `puk`, `locked`, `busy`, `absent` or `failed`.
    pub state: Option<String>,
    /// Its slot, where slots are told apart.
    pub slot: Option<u8>,
    /// The card's number.
    pub iccid: Option<String>,
}

/// Where it is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModemRegistration {
    /// Whether a bearer can be had.
    pub registered: bool,
    /// `home`, `roaming`, `searching`, `denied`, `idle`, `unknown` or `limited` (SMS or emergency calls only).
    pub state: String,
    /// `GSM`, `EDGE`, `UMTS`, `HSPA`, `LTE`, `NB-IoT`, `LTE-5GC`, `LTE+NR` or `NR`.
    pub technology: Option<String>,
    /// The operator's name.
    pub operator: Option<String>,
    /// The operator's code: country and network.
    pub plmn: Option<String>,
    /// The tracking or location area.
    pub area: Option<u32>,
    /// The cell's identity.
    pub cell: Option<u64>,
    /// Why the network refused: one phrase.
    pub cause: Option<String>,
}

/// How a cell is received.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ModemSignal {
    /// Received power over the whole channel.
    pub rssi_dbm: Option<i16>,
    /// Reference signal received power.
    pub rsrp_dbm: Option<i16>,
    /// Reference signal received quality.
    pub rsrq_db: Option<f64>,
    /// Signal against noise and interference.
    pub sinr_db: Option<f64>,
}

/// A cell that serves the modem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModemCell {
    /// It carries data besides the serving one.
    pub secondary: bool,
    /// `GSM`, `UMTS`, `LTE` or `NR`.
    pub technology: Option<String>,
    /// Its band's number.
    pub band: Option<u16>,
    /// Its downlink channel number.
    pub channel: Option<u32>,
    /// Its physical identity.
    pub pci: Option<u16>,
    /// How it is received.
    pub signal: ModemSignal,
}

/// The bearer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModemBearer {
    /// It is up.
    pub up: bool,
    /// By which command it is brought up.
    pub way: String,
    /// Its IPv4 address, where the modem tells it.
    pub v4: Option<String>,
    /// Its IPv6 address, where the modem tells it.
    pub v6: Option<String>,
    /// The network's resolvers.
    pub dns: Vec<String>,
    /// The largest packet in bytes, where the network said so.
    pub mtu: Option<u16>,
}

/// What a card carried in its billing month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModemAllowance {
    /// Bytes, both ways.
    pub used_bytes: u64,
    /// Bytes that it may carry; `null` without an allowance.
    pub limit_bytes: Option<u64>,
    /// Whether nothing is left.
    pub used_up: bool,
}

/// What a modem answered to an operator's command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtAnswer {
    /// Whether it was done.
    pub ok: bool,
    /// How it ended: `OK`, `ERROR`, `+CME ERROR: 10` and so on.
    pub result: String,
    /// All lines that came.
    pub lines: Vec<String>,
}

/// A message that came by SMS, or word of one that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortMessage {
    /// When the agent took it (RFC 3339).
    pub at: String,
    /// Who it says that it is from; for a report, whom it was sent to.
    pub from: String,
    /// When the network got it, as the network wrote it.
    pub sent: Option<String>,
    /// What it says; `[…]` where a part did not come.
    pub text: String,
}
