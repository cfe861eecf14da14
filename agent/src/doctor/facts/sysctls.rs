//! The settings of the network that decide over packets: general ones, and those of the links' interfaces.

use super::Roots;
use shunt_config::Config;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
pub(crate) struct Sysctls {
    /// `net.ipv4.conf.all.rp_filter`: the greater of this and the interface's own is in force.
    pub(crate) rp_filter_all: Option<u8>,
    /// `net.ipv4.ip_forward`.
    pub(crate) forward_v4: Option<u8>,
    /// `net.ipv6.conf.all.forwarding`.
    pub(crate) forward_v6: Option<u8>,
    /// By interface; without those that are not there.
    pub(crate) interfaces: BTreeMap<String, OfInterface>,
}

/// The settings of one interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OfInterface {
    pub(crate) rp_filter: Option<u8>,
    /// `net.ipv6.conf.*.accept_ra`.
    pub(crate) accept_ra: Option<u8>,
    pub(crate) disable_ipv6: Option<u8>,
}

impl Sysctls {
    pub(super) fn read(config: Option<&Config>, roots: &Roots) -> Self {
        let number = |path: String| roots.value(format!("proc/sys/net/{path}"))?.parse().ok();
        let of = |name: &str| OfInterface {
            rp_filter: number(format!("ipv4/conf/{name}/rp_filter")),
            accept_ra: number(format!("ipv6/conf/{name}/accept_ra")),
            disable_ipv6: number(format!("ipv6/conf/{name}/disable_ipv6")),
        };
        let links = config.map_or(&[][..], |config| &config.links);
        let all = links.iter().map(|link| (link.interface.clone(), of(&link.interface)));
        Self {
            rp_filter_all: number("ipv4/conf/all/rp_filter".into()),
            forward_v4: number("ipv4/ip_forward".into()),
            forward_v6: number("ipv6/conf/all/forwarding".into()),
            interfaces: all.filter(|(_, of)| *of != OfInterface::default()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{self, put};
    use super::*;

    #[test]
    fn settings_are_read_where_they_are() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("ipv4/ip_forward", "1\n"),
            ("ipv4/conf/all/rp_filter", "0\n"),
            ("ipv4/conf/eth0/rp_filter", "1\n"),
            ("ipv6/conf/eth0/accept_ra", "2\n"),
        ] {
            put(&root.path().join("proc/sys/net"), path, text);
        }
        let read = Sysctls::read(Some(&testing::config("")), &Roots::at(root.path()));
        assert_eq!((read.forward_v4, read.forward_v6, read.rp_filter_all), (Some(1), None, Some(0)));
        let eth0 = OfInterface { rp_filter: Some(1), accept_ra: Some(2), disable_ipv6: None };
        assert_eq!(read.interfaces.into_iter().collect::<Vec<_>>(), [("eth0".to_owned(), eth0)]);
    }
}
