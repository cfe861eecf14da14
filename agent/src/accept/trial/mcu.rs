//! The watchdog MCU as it stands: it answers, is fed, and guards.

use super::super::look::Look;
use super::super::plan::Limits;
use super::Next;
use super::account::Account;
use crate::api::describe::short;
use crate::api::mcu::{McuState, McuStatus};
use std::time::Duration;

/// An MCU that answers is armed and fed within seconds; one that was met only now has its hellos to exchange.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct McuStands {
    grace: Duration,
    feed: Duration,
    told: bool,
}

impl McuStands {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self { grace: limits.grace, feed: limits.feed, told: false }
    }

    pub(super) fn next(&mut self, look: &Look, at: Duration) -> Next {
        let mut account = Account::default();
        let Some(mcu) = &look.mcu else {
            account.fault("The daemon runs without the watchdog MCU of the config; reload it.");
            return Next::Over(account.outcome());
        };
        let stage = mcu.state.as_ref().map(|state| state.stage.as_str());
        let fed = mcu.fed_s.is_some_and(|fed| Duration::from_secs(fed) <= self.feed);
        let patience = if stage == Some("grace") { self.grace + PATIENCE } else { PATIENCE };
        if (stage != Some("guarding") || mcu.trouble.is_some() || !fed) && at < patience {
            if self.told {
                return Next::Wait;
            }
            self.told = true;
            return Next::Tell(format!("It is waited for the MCU to guard; now: {}.", mcu.text));
        }
        describe(mcu, &mut account);
        if let Some(trouble) = &mcu.trouble {
            account.fault(format!("The watchdog MCU {trouble}."));
        }
        match &mcu.state {
            None => account.fault("The watchdog MCU does not answer."),
            Some(state) => judge(state, &mut account),
        }
        if !fed {
            account.fault(format!("It was not fed within {}.", short(self.feed)));
        }
        Next::Over(account.outcome())
    }
}

fn describe(mcu: &McuStatus, account: &mut Account) {
    if let Some(known) = &mcu.identity {
        let can = known.capabilities.join(", ");
        account.note(format!("{}, firmware {} on {}: {can}", known.board, known.firmware, mcu.port));
    }
}

fn judge(state: &McuState, account: &mut Account) {
    if state.stage != "guarding" {
        account.fault(format!("It does not guard the gateway: its stage is {}.", state.stage));
    }
    if !state.modem_power {
        account.fault("It keeps the modem's supply cut.");
    }
    if state.line_stuck {
        account.fault("Its end of the line hears something else than frames.");
    }
    let counts = state.counts;
    account.note(format!(
        "it booted {} times, {} of them after a hang; resets of the gateway: {}; damaged frames: {}",
        counts.boots, counts.own_hangs, counts.host_resets, state.damaged_frames
    ));
}
