//! The numbers that Shunt owns in the kernel, laid out in one place, so that routes, rules and probes
//! agree on them.

use crate::Kernel;

/// How many links a configuration may have: the default mark mask has seven bits, and the mark 0 means
/// "not marked".
pub const MAX_LINKS: usize = 127;

/// Rule priorities that Shunt owns, counted from `rule_base`.
pub(crate) const RULES: u32 = 1_000;

/// Offset of the rules by link mark; one for each link follows.
const MARK_RULES: u32 = 0;
/// Offset of the rule that looks into `main` for everything but its default routes.
const SUPPRESS_RULE: u32 = 200;
/// Offset of the rules by source address; one for each link follows. Offsets 300 to 399, between this
/// and the rule above, are kept for rules by application.
const FROM_RULES: u32 = 400;
/// Offset of the rule that looks into the uplink table.
const UPLINK_RULE: u32 = 600;

impl Kernel {
    /// The table with the ranked default routes of all links.
    #[must_use]
    pub const fn uplink_table(&self) -> u32 {
        self.table_base
    }

    /// The table with the own default route of link number `index` (from 0, below [`MAX_LINKS`]).
    #[must_use]
    pub fn link_table(&self, index: usize) -> u32 {
        self.table_base.saturating_add(1).saturating_add(number(index))
    }

    /// The firewall mark of link number `index` (from 0, below [`MAX_LINKS`]), already shifted into the mask.
    #[must_use]
    pub fn link_mark(&self, index: usize) -> u32 {
        let shift = self.mark_mask.trailing_zeros();
        number(index).saturating_add(1).checked_shl(shift).unwrap_or(0) & self.mark_mask
    }

    /// The priority of the rule that sends packets with the mark of link number `index` to the link's table.
    #[must_use]
    pub fn mark_priority(&self, index: usize) -> u32 {
        self.priority(MARK_RULES).saturating_add(number(index))
    }

    /// The priority of the rule that looks into `main` with `suppress_prefixlength 0`: connected and
    /// specific routes keep working, and the default routes there are passed over.
    #[must_use]
    pub const fn suppress_priority(&self) -> u32 {
        self.priority(SUPPRESS_RULE)
    }

    /// The priority of the rule that sends packets from the address of link number `index` to the link's table.
    #[must_use]
    pub fn from_priority(&self, index: usize) -> u32 {
        self.priority(FROM_RULES).saturating_add(number(index))
    }

    /// The priority of the rule that sends everything else to the uplink table.
    #[must_use]
    pub const fn uplink_priority(&self) -> u32 {
        self.priority(UPLINK_RULE)
    }

    const fn priority(&self, offset: u32) -> u32 {
        self.rule_base.saturating_add(offset)
    }

    /// How many links the mask has marks for.
    pub(crate) const fn marks(mask: u32) -> u32 {
        match mask.checked_shr(mask.trailing_zeros()) {
            Some(marks) => marks,
            None => 0,
        }
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const DEFAULT: Kernel =
        Kernel { table_base: 21_000, rule_base: 20_000, mark_mask: 0x7f00_0000, protocol: 157 };

    #[test]
    fn numbers_of_the_first_and_the_last_link() {
        assert_eq!(DEFAULT.uplink_table(), 21_000);
        assert_eq!((DEFAULT.link_table(0), DEFAULT.link_table(126)), (21_001, 21_127));
        assert_eq!((DEFAULT.link_mark(0), DEFAULT.link_mark(126)), (0x0100_0000, 0x7f00_0000));
        assert_eq!((DEFAULT.mark_priority(0), DEFAULT.mark_priority(126)), (20_000, 20_126));
        assert_eq!((DEFAULT.from_priority(0), DEFAULT.from_priority(126)), (20_400, 20_526));
        assert_eq!((DEFAULT.suppress_priority(), DEFAULT.uplink_priority()), (20_200, 20_600));
    }

    #[test]
    fn nothing_is_shared_and_the_order_is_the_contract() {
        let marks: Vec<_> = (0..MAX_LINKS).map(|i| DEFAULT.mark_priority(i)).collect();
        let from: Vec<_> = (0..MAX_LINKS).map(|i| DEFAULT.from_priority(i)).collect();
        assert!(marks.iter().all(|&p| p < DEFAULT.suppress_priority()));
        assert!(from.iter().all(|&p| p > DEFAULT.suppress_priority() && p < DEFAULT.uplink_priority()));
        assert!(DEFAULT.uplink_priority() < DEFAULT.rule_base + RULES);
        let all: BTreeSet<_> =
            (0..MAX_LINKS).map(|i| (DEFAULT.link_mark(i), DEFAULT.link_table(i))).collect();
        assert_eq!(all.len(), MAX_LINKS);
        assert!(all.iter().all(|(mark, _)| mark & !DEFAULT.mark_mask == 0 && *mark != 0));
    }

    #[test]
    fn marks_are_counted_from_the_lowest_bit_of_the_mask() {
        let masks =
            [(0x7f00_0000, 127), (0x3f00, 63), (1, 1), (u32::MAX, u32::MAX), (0x8000_0000, 1), (0, 0)];
        for (mask, marks) in masks {
            assert_eq!(Kernel::marks(mask), marks, "{mask:#x}");
        }
    }
}
