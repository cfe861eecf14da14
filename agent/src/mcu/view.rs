//! The MCU as it is shown.

use super::words;
use crate::api::mcu::{McuCounts, McuFlash, McuIdentity, McuLogEntry, McuState, McuStatus};
use crate::clock;
use shunt_decision::Timestamp;
use shunt_wire::{Hello, Line, Stage, Status};
use std::collections::VecDeque;

/// So many entries of its record are shown: several times what the firmware remembers.
pub(super) const MOST_SHOWN: usize = 64;

/// What is known of the MCU.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    pub(super) port: String,
    pub(super) trouble: Option<String>,
    pub(super) peer: Option<Hello>,
    pub(super) state: Option<(Status, Timestamp)>,
    pub(super) fed: Option<Timestamp>,
    pub(super) log: VecDeque<McuLogEntry>,
    pub(super) flash: Option<McuFlash>,
    /// So many times the task was told to flash it; what became of each time is known.
    pub(super) flashes: u32,
}

impl Standing {
    /// As it is shown now.
    pub(super) fn status(&self) -> McuStatus {
        let ago = |at: Timestamp| clock::now().since(at).as_secs();
        let heard_s = self.state.map(|(_, at)| ago(at));
        McuStatus {
            port: self.port.clone(),
            text: self.text(heard_s),
            trouble: self.trouble.clone(),
            identity: self.peer.as_ref().map(|peer| McuIdentity {
                board: peer.board.as_str().to_owned(),
                firmware: peer.software.as_str().to_owned(),
                capabilities: words::capabilities(peer.capabilities),
            }),
            state: self.state.map(|(status, at)| state(&status, ago(at))),
            heard_s,
            fed_s: self.fed.map(ago),
            flash: self.flash.clone(),
        }
    }

    /// Whether its firmware is being upgraded.
    pub(super) fn is_flashing(&self) -> bool {
        self.flash.as_ref().is_some_and(|flash| flash.state == "running")
    }

    /// What it remembers, the newest last.
    pub(super) fn log(&self) -> Vec<McuLogEntry> {
        self.log.iter().cloned().collect()
    }

    /// One more thing that it remembers; read again after it was unplugged, it takes the place of what it was.
    pub(super) fn note(&mut self, entry: McuLogEntry) {
        self.log.retain(|known| known.number < entry.number);
        if self.log.len() >= MOST_SHOWN {
            self.log.pop_front();
        }
        self.log.push_back(entry);
    }

    fn text(&self, heard_s: Option<u64>) -> String {
        match (&self.state, heard_s) {
            (Some((status, _)), Some(heard)) => {
                format!("it {}; it answered {heard} s ago", words::stage_text(status.stage))
            }
            _ => "nobody answers".into(),
        }
    }
}

fn state(status: &Status, ago: u64) -> McuState {
    let left = u64::from(status.left.0).saturating_sub(ago);
    // While feeds come, what is left is theirs.
    let ends = !matches!(status.stage, Stage::Unarmed | Stage::Guarding);
    let counts = status.counts;
    McuState {
        stage: words::stage(status.stage).to_owned(),
        left_s: ends.then_some(left),
        modem_power: status.modem_power,
        line_stuck: status.line == Line::Stuck,
        supply_mv: status.supply,
        uptime_s: u64::from(status.uptime.0).saturating_add(ago),
        reset_cause: words::reset_cause(status.reset_cause).to_owned(),
        last_host_reset: status.last_host_reset.map(|cause| words::host_reset(cause).to_owned()),
        feeds: status.feeds,
        damaged_frames: status.damaged_frames,
        counts: McuCounts {
            host_resets: counts.host_resets,
            resets_in_a_row: counts.resets_in_a_row,
            modem_cycles: counts.modem_cycles,
            boots: counts.boots,
            own_hangs: counts.own_hangs,
        },
    }
}
