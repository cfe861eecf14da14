//! The wait after which nothing late can come: from the last final code that no command waited for.

use shunt_at::Digester;
use std::time::Duration;
use tokio::time::Instant;

/// How long it has been quiet.
#[derive(Debug)]
pub(super) struct Quiet {
    strays: u32,
    seen: bool,
    since: Instant,
    enough: Duration,
}

impl Quiet {
    /// Begins now.
    pub(super) fn since(digester: &Digester, enough: Duration) -> Self {
        Self { strays: digester.strays(), seen: false, since: Instant::now(), enough }
    }

    /// Begins anew if another stray has come. Unsolicited lines do not count: some modems send one every second.
    pub(super) fn look(&mut self, digester: &Digester) {
        if digester.strays() != self.strays {
            *self = Self { seen: true, ..Self::since(digester, self.enough) };
        }
    }

    /// When it will have been quiet long enough, if any stray has come.
    pub(super) fn until(&self) -> Option<Instant> {
        self.seen.then(|| self.since + self.enough)
    }
}
