//! Gives the kernel back: takes away what is ours, by a running agent or without one, and puts nothing there.

use super::apply::Tables;
use super::bearer::{self, Kept};
use super::socket::RequestSocket;
use super::sysctl::{self, Sysctls};
use super::{Kernel, KernelError, rtnl};
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use shunt_config::Config;
use shunt_decision::Family;

/// Removes everything that an agent of this configuration left in the kernel, rules first, and puts the sysctls
/// back. What strangers put stays. For when no agent runs: it needs no runtime and adds nothing.
///
/// # Errors
///
/// When no netlink socket can be had; or else the first failure, the rest being attempted all the same.
pub fn restore(config: &Config) -> Result<(), KernelError> {
    let request =
        RequestSocket::open(NETLINK_ROUTE).map_err(|source| KernelError::Open { what: "request", source })?;
    let (mut sysctls, unread) = Sysctls::open(&config.agent.state_dir);
    if let Some(unread) = unread {
        tracing::warn!("{unread}");
    }
    let (mut kept, unread) = Kept::open(&config.agent.state_dir, config.kernel.protocol);
    if let Some(unread) = unread {
        tracing::warn!("{unread}");
    }
    let mut tables = Tables::new(request, config.kernel, config.links.len());
    give_back(&mut tables, &mut kept, &mut sysctls, sysctl::has_ipv6())
}

impl Kernel {
    /// Removes everything we own, rules first, and puts the sysctls back. What strangers put stays.
    ///
    /// # Errors
    ///
    /// The first failure; the rest is attempted all the same.
    pub fn restore(&mut self) -> Result<(), KernelError> {
        give_back(&mut self.tables, &mut self.kept, &mut self.sysctls, self.has_ipv6)
    }
}

fn give_back(
    tables: &mut Tables,
    kept: &mut Kept,
    sysctls: &mut Sysctls,
    has_ipv6: bool,
) -> Result<(), KernelError> {
    let mut first = Ok(());
    for family in Family::ALL {
        if family == Family::V4 || has_ipv6 {
            first = first.and(remove_all(tables, family));
        }
    }
    // After the routes: what leads out of an interface goes with its last address.
    let failed = bearer::clear(&mut tables.request, kept, has_ipv6, &[]).into_iter().next();
    first.and(failed.map_or(Ok(()), Err)).and(sysctls.restore())
}

fn remove_all(tables: &mut Tables, family: Family) -> Result<(), KernelError> {
    let mut first =
        tables.find_retired(family).and(tables.read_rules(family)).and(tables.read_routes(family));
    // The uplink rule, of the highest priority number, goes first: traffic is back in `main` at once.
    let mut rules = tables.own_rules(family);
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
    for rule in &rules {
        first = first.and(tables.delete_rule(rule).map(|_| ()));
    }
    let protocol = tables.numbers.protocol;
    let ours = |found: &&rtnl::Found| found.protocol == protocol;
    let routes: Vec<_> = tables.mirror.get(family).routes.iter().filter(ours).cloned().collect();
    for route in &routes {
        first = first.and(tables.delete_route(family, route).map(|_| ()));
    }
    first
}
