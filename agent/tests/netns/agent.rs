//! The kernel's edge, driven as the daemon drives it.

use super::wire::Wire;
use super::{DEADLINE, within};
use shunt::clock;
use shunt::netlink::{self, Cut, Kernel, KernelError, Notice};
use shunt_config::Config;
use shunt_decision::{Family, LinkId, PathState, RankingId, Timestamp};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;

pub const FIBER: LinkId = LinkId(0);
pub const LTE: LinkId = LinkId(1);

/// Runs `body` on a gateway with two WAN links, with a config for both in both families.
pub fn on_gateway(test: &str, body: impl FnOnce(&mut Wire, &Config) + Send + 'static) {
    within(test, || {
        let mut wire = Wire::open();
        gateway(&mut wire);
        let state = tempfile::tempdir().unwrap();
        body(&mut wire, &config(state.path()));
    });
}

/// Two links, both families, in a state directory.
pub fn config(state_dir: &Path) -> Config {
    let text = format!(
        "targets = [\"198.51.100.1\", \"2001:db8:f::1\"]\n\
         [agent]\nstate_dir = \"{}\"\n\
         [kernel]\nprotocol = {}\n\
         [[link]]\nname = \"fiber\"\ninterface = \"wan0\"\n\
         [[link]]\nname = \"lte\"\ninterface = \"wan1\"\n",
        state_dir.display(),
        super::wire::OWN
    );
    shunt_config::parse(&text, Path::new("test.toml")).unwrap()
}

/// Two WAN links with addresses and the default routes that DHCP and RA would give them.
pub fn gateway(wire: &mut Wire) {
    for (name, v4, v6, metric) in
        [("wan0", "192.0.2.10", "2001:db8:a::10", 100), ("wan1", "203.0.113.10", "2001:db8:b::10", 200)]
    {
        wire.veth(name);
        wire.wait_until_up(name);
        address(wire, name, v4, v6, metric);
    }
}

pub fn address(wire: &mut Wire, name: &str, v4: &str, v6: &str, metric: u32) {
    wire.address(name, v4, 24);
    wire.address(name, v6, 64);
    wire.default_route(metric, &v4.replace(".10", ".1"), name);
    wire.default_route(metric, &v6.replace("::10", "::1"), name);
}

pub struct Agent {
    pub kernel: Kernel,
    pub notices: Vec<Notice>,
    runtime: Runtime,
    rankings: u64,
}

impl Agent {
    pub fn open(config: &Config) -> Self {
        Self::open_with(config, netlink::cut)
    }

    pub fn open_with(config: &Config, cut: Cut) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let guard = runtime.enter();
        let (kernel, notices) = Kernel::open_with(config, clock::now(), cut).unwrap();
        drop(guard);
        Self { kernel, notices, runtime, rankings: 0 }
    }

    pub fn rank(&mut self, family: Family, order: &[LinkId]) -> Result<Timestamp, KernelError> {
        self.rankings += 1;
        self.kernel.rank(RankingId(self.rankings), family, order, clock::now())
    }

    /// One turn of the daemon's loop.
    fn turn(&mut self, longest: Duration) {
        let now = clock::now();
        let wait = self.kernel.poll_timeout().map_or(longest, |due| due.since(now).min(longest));
        let kernel = &self.kernel;
        let readable = self.runtime.block_on(async { tokio::time::timeout(wait, kernel.readable()).await });
        if readable.is_ok() {
            self.kernel.process(clock::now(), &mut self.notices);
        }
        let now = clock::now();
        if self.kernel.poll_timeout().is_some_and(|due| due <= now) {
            self.kernel.handle_timeout(now, &mut self.notices);
        }
    }

    /// Turns the loop until `done`, or fails.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&[Notice]) -> bool) {
        let end = clock::now() + DEADLINE;
        while !done(&self.notices) {
            assert!(clock::now() < end, "waited in vain for: {what}; notices: {:#?}", self.notices);
            self.turn(Duration::from_millis(50));
        }
    }

    /// Takes in what the kernel has said so far, and does what is due.
    pub fn catch_up(&mut self) {
        for _ in 0..10 {
            self.turn(Duration::ZERO);
        }
    }

    pub fn path(&self, wanted: LinkId, of: Family) -> Option<PathState> {
        path(&self.notices, wanted, of)
    }
}

/// The last word on a path.
pub fn path(notices: &[Notice], wanted: LinkId, of: Family) -> Option<PathState> {
    notices.iter().rev().find_map(|notice| match notice {
        Notice::Path { link, family, state, .. } if *link == wanted && *family == of => Some(*state),
        _ => None,
    })
}

/// The last word on a carrier.
pub fn carrier(notices: &[Notice], wanted: LinkId) -> Option<bool> {
    notices.iter().rev().find_map(|notice| match notice {
        Notice::Carrier { link, up, .. } if *link == wanted => Some(*up),
        _ => None,
    })
}

pub fn repaired(notices: &[Notice]) -> usize {
    notices.iter().filter(|notice| matches!(notice, Notice::Repaired(_))).count()
}

pub fn warnings(notices: &[Notice]) -> Vec<&str> {
    let mut sentences = Vec::new();
    for notice in notices {
        if let Notice::Warnings { sentences: told, .. } = notice {
            sentences.extend(told.iter().map(String::as_str));
        }
    }
    sentences
}
