//! The findings added up, for people's eyes and for scripts.

use super::finding::{Finding, Level};
use serde::Serialize;

/// All that was found. As JSON it is a contract with scripts: `agent/API.md` shows it whole.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Version of the program that looked.
    pub(crate) version: &'static str,
    /// How many findings there are of each kind.
    pub(crate) count: Count,
    /// In the order of the checks.
    pub(crate) findings: Vec<Finding>,
}

/// How many findings there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Count {
    pub(crate) fault: usize,
    pub(crate) warning: usize,
    pub(crate) not_checked: usize,
    pub(crate) note: usize,
    pub(crate) ok: usize,
}

/// What the whole comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is at fault.
    Well,
    /// The config has faults.
    BadConfig,
    /// Something else is at fault, or counts as such.
    Ill,
    /// No fault was found, but something could not be looked at for want of rights.
    Unsure,
}

impl Report {
    pub(crate) fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.check);
        let mut count = Count::default();
        for finding in &findings {
            *match finding.level {
                Level::Fault => &mut count.fault,
                Level::Warning => &mut count.warning,
                Level::NotChecked => &mut count.not_checked,
                Level::Note => &mut count.note,
                Level::Ok => &mut count.ok,
            } += 1;
        }
        Self { version: env!("CARGO_PKG_VERSION"), count, findings }
    }

    /// `strict`: a warning counts as a fault.
    pub(crate) fn outcome(&self, strict: bool) -> Outcome {
        use super::finding::Check::Config;
        let faults = || self.findings.iter().filter(|finding| finding.level == Level::Fault);
        if faults().any(|finding| finding.check == Config) {
            Outcome::BadConfig
        } else if self.count.fault > 0 || strict && self.count.warning > 0 {
            Outcome::Ill
        } else if self.findings.iter().any(|finding| finding.denied) {
            Outcome::Unsure
        } else {
            Outcome::Well
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Unread;
    use super::super::finding::Check;
    use super::*;

    #[test]
    fn the_worst_decides() {
        let ok = || Finding::ok(Check::Kernel, "Fine.");
        let denied = || Finding::unread(Check::Nat, "it", &Unread::Denied("no".into()));
        let failed = || Finding::unread(Check::Nat, "it", &Unread::Failed("no".into()));
        let warning = || Finding::warning(Check::Mtu, "Odd.", "Look.");
        let fault = || Finding::fault(Check::Nat, "Bad.", "Mend.");
        let config = || Finding::fault(Check::Config, "Bad.", "Mend.");
        let outcome = |findings: Vec<Finding>, strict| Report::of(findings).outcome(strict);
        assert_eq!(outcome(vec![ok(), warning(), failed()], false), Outcome::Well);
        assert_eq!(outcome(vec![ok(), warning()], true), Outcome::Ill);
        assert_eq!(outcome(vec![ok(), denied()], true), Outcome::Unsure);
        assert_eq!(outcome(vec![denied(), fault()], false), Outcome::Ill);
        assert_eq!(outcome(vec![fault(), config()], false), Outcome::BadConfig);
        let report = Report::of(vec![fault(), ok()]);
        assert_eq!((report.count.fault, report.count.ok), (1, 1));
        assert_eq!(report.findings.first().map(|finding| finding.check), Some(Check::Kernel));
    }
}
