//! What the machine's firewall makes of a packet that leaves by an uplink: is it let through, and is it translated?
//!
//! The rules of nftables are read over netlink (those of `iptables-nft` are the same) and walked by a packet in the
//! mind, for which each rule matches, does not, or may. Rules of the old `iptables` cannot be read so; that there are
//! some is told.

mod expression;
mod read;
#[cfg(test)]
pub(super) mod samples;
mod walk;

pub(crate) use walk::{Fate, Packet};

use super::facts::{Known, Unread};
use expression::Expression;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Hooks of the kernel (linux/netfilter.h).
pub(super) const FORWARD: u32 = 2;
pub(super) const POSTROUTING: u32 = 4;

#[derive(Debug, Clone)]
pub(crate) struct Firewall {
    pub(crate) rules: Known<Ruleset>,
    /// Tables of the old `iptables` that are in use.
    pub(crate) legacy: Known<Vec<String>>,
}

/// What nftables holds of concern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ruleset {
    /// Chains of IPv4, of both families together, and of IPv6.
    chains: Vec<Chain>,
    /// What is looked up in, by family, table and name; `None`: its content is not understood.
    sets: BTreeMap<(u8, String, String), Option<Vec<Element>>>,
    pub(crate) flow_tables: Vec<FlowTable>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Chain {
    family: u8,
    table: String,
    name: String,
    base: Option<Base>,
    rules: Vec<Vec<Expression>>,
}

/// Where a chain is called by the kernel itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Base {
    hook: u32,
    priority: i32,
    /// What it does with a packet that no rule decided over.
    drops: bool,
    /// `filter`, `nat` or `route`.
    kind: String,
}

/// One element of a set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Element {
    key: Vec<u8>,
    /// Of a map to verdicts.
    verdict: Option<expression::Verdict>,
}

/// A table of flows that pass by the rules once they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlowTable {
    pub(crate) name: String,
    pub(crate) devices: Vec<String>,
    /// By the network chip itself.
    pub(crate) hardware: bool,
}

impl Firewall {
    /// `legacy` is the kernel's list of the old tables.
    pub(super) fn read(legacy: PathBuf) -> Self {
        let tables = match std::fs::read_to_string(&legacy) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => {
                let text = format!("it failed to read {}: {error}", legacy.display());
                Err(match error.kind() {
                    std::io::ErrorKind::PermissionDenied => Unread::Denied(text),
                    _ => Unread::Failed(text),
                })
            }
        };
        Self { rules: read::ruleset(), legacy: tables }
    }
}
