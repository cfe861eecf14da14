//! The gateway as it stands, before anything is disturbed.

use super::super::look::{FAMILIES, illness, is_healthy, of};
use super::Next;
use super::account::Account;
use crate::api::types::{CanaryKind, LinkStatus, Status};
use std::time::Duration;

/// Links are judged within seconds, and a modem is up within minutes of a boot.
const PATIENCE: Duration = Duration::from_secs(180);

#[derive(Debug, Default)]
pub(super) struct Standing {
    told: bool,
}

impl Standing {
    pub(super) fn next(&mut self, status: &Status, at: Duration) -> Next {
        let ill: Vec<&LinkStatus> = status.links.iter().filter(|link| !is_healthy(link)).collect();
        if !ill.is_empty() && at < PATIENCE {
            if self.told {
                return Next::Wait;
            }
            self.told = true;
            let names: Vec<&str> = ill.iter().map(|link| link.name.as_str()).collect();
            return Next::Tell(format!("It is waited for {} to be healthy.", names.join(", ")));
        }
        let mut account = Account::default();
        for link in &ill {
            account.fault(format!("{} is not healthy: {}.", link.name, illness(link)));
        }
        for link in status.links.iter().filter(|link| is_healthy(link)) {
            let rtt = link.rtt_ms.map_or_else(String::new, |rtt| format!(", {rtt:.1} ms"));
            account.note(format!("{} ({}): healthy{rtt}", link.name, link.interface));
        }
        if let Some(forced) = &status.forced {
            account.fault(super::by_operator(forced));
        }
        if FAMILIES.iter().all(|family| of(&status.uplink, *family).is_none()) {
            account.fault("There is no uplink.");
        }
        for warning in &status.warnings {
            account.fault(format!("The agent warns: {warning}"));
        }
        if let Some(canary) = status.canary.v4.as_ref().filter(|canary| canary.kind == CanaryKind::Local) {
            let why = canary.reason.as_deref().unwrap_or("nobody knows why");
            account.note(format!("new paths are proved locally only: {why}"));
        }
        Next::Over(account.outcome())
    }
}
