//! Every key that is known, by section. Whatever is not here is refused.

/// The name of the list of links; it and `link.probe`, `link.limits` are sections too.
pub(crate) const LINK: &str = "link";

/// The name of the list of modems, and of the sections in it.
pub(crate) const MODEM: &str = "modem";
pub(crate) const MODEM_SIM: &str = "modem.sim";
pub(crate) const MODEM_POWER: &str = "modem.power";
pub(crate) const MODEM_REMOTE: &str = "modem.remote";

/// The watchdogs, and the one on the board.
pub(crate) const WATCHDOG: &str = "watchdog";
pub(crate) const WATCHDOG_MCU: &str = "watchdog.mcu";

/// A section and the keys in it. The section with the empty name is the top of the file.
pub(crate) type Keys = (&'static str, &'static [&'static str]);

/// All sections, in the order of the reference file. Sections within sections are not keys.
pub(crate) const SECTIONS: &[Keys] = &[
    ("", &["targets", "resolvers"]),
    ("agent", &["socket", "group", "state_dir", "log", "log_format"]),
    ("probe", &["interval", "standby_interval", "timeout", "quorum"]),
    ("limits", &["loss", "rtt", "jitter"]),
    ("failover", &["recovery_time_objective"]),
    ("failback", &["mode", "window", "hold_down"]),
    ("damping", &["half_life"]),
    ("canary", &["enabled", "interface", "source"]),
    ("recording", &["enabled", "size"]),
    (WATCHDOG, &["device", "device_timeout"]),
    (
        WATCHDOG_MCU,
        &[
            "port",
            "usb",
            "boot_grace",
            "feed_timeout",
            "alert",
            "cut_modem",
            "modem_off",
            "modem_settle",
            "shutdown",
            "reset_hold",
            "backoff_shortest",
            "backoff_longest",
            "backoff_healthy",
            "most_resets",
            "longest_lease",
            "stop_lease",
            "chip",
            "boot0_line",
            "reset_line",
        ],
    ),
    ("kernel", &["table_base", "rule_base", "mark_mask", "protocol"]),
    (LINK, &["name", "interface", "metered", "gateway", "gateway6", "targets", "resolvers", "probe_budget"]),
    ("link.probe", &["interval", "standby_interval", "timeout", "quorum"]),
    ("link.limits", &["loss", "rtt", "jitter"]),
    (
        MODEM,
        &[
            "link",
            "name",
            "usb",
            "imei",
            "path",
            "port",
            "apn",
            "user",
            "password_file",
            "auth",
            "ip",
            "context",
            "pin_file",
            "allowance",
            "billing_day",
            "return_after",
            "watch",
        ],
    ),
    (MODEM_SIM, &["slot", "pin_file", "apn", "user", "password_file", "auth", "allowance", "billing_day"]),
    (MODEM_POWER, &["by", "chip", "line", "active"]),
    (MODEM_REMOTE, &["enabled", "operators", "country", "trunk", "codes", "digits", "per_number", "in_all"]),
];

/// The names that may stand in `section`: its keys, and the sections within it.
pub(crate) fn names(section: &str) -> Vec<&'static str> {
    let keys =
        SECTIONS.iter().filter(|(name, _)| *name == section).flat_map(|(_, keys)| keys.iter().copied());
    keys.chain(SECTIONS.iter().filter_map(|(name, _)| child(name, section))).collect()
}

/// The last part of `name` when `section` holds it directly.
fn child(name: &'static str, section: &str) -> Option<&'static str> {
    match name.rsplit_once('.') {
        Some((parent, last)) => (parent == section).then_some(last),
        None => (section.is_empty() && !name.is_empty()).then_some(name),
    }
}

/// The header of the section in which `key` is at home, when it is not `section`: keys under the wrong
/// header are the commonest slip in TOML.
pub(crate) fn home(key: &str, section: &str) -> Option<String> {
    let mine: Vec<_> = SECTIONS
        .iter()
        .filter(|(name, keys)| *name != section && keys.contains(&key))
        .map(|(name, _)| *name)
        .collect();
    let within = |name: &&&str| name.rsplit_once('.').is_some_and(|(parent, _)| parent == section);
    let best = mine
        .iter()
        .find(within)
        .or_else(|| mine.iter().find(|name| ["", LINK, MODEM].contains(name)))
        .or_else(|| mine.first())?;
    Some(header(best))
}

/// How a section is opened in the file.
pub(crate) fn header(section: &str) -> String {
    match section {
        "" => "the top of the file, before the first [section]".to_owned(),
        LINK | MODEM | MODEM_SIM => format!("[[{section}]]"),
        other => format!("[{other}]"),
    }
}

/// The known name that looks most like `word`: at most a third of it differs.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let limit = (word.chars().count() / 3).max(1);
    let scored = known.iter().map(|name| (distance(word, name), *name));
    scored.filter(|(edits, _)| *edits <= limit).min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

/// Longest word that is compared: a key of a thousand letters resembles nothing.
const MAX_WORD: usize = 40;

/// Edits (insert, delete, change, swap of neighbours) from one word to the other; `-` and `_` count as equal.
fn distance(a: &str, b: &str) -> usize {
    let plain = |word: &str| -> Vec<char> {
        word.chars().take(MAX_WORD).map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
    };
    let (a, b) = (plain(a), plain(b));
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
            let change = at(&row, j) + usize::from(from != to);
            let mut best = change.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(to) && b.get(j - 1) == Some(from);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        let slips = [
            ("intervall", "interval"),
            ("hold-down", "hold_down"),
            ("holddown", "hold_down"),
            ("Interface", "interface"),
            ("metred", "metered"),
            ("gatewya", "gateway"),
        ];
        for (slip, meant) in slips {
            let known = ["interval", "hold_down", "interface", "metered", "gateway", "gateway6", "name"];
            assert_eq!(nearest(slip, &known), Some(meant));
        }
        assert_eq!(nearest("bandwidth", &["name", "interface"]), None);
    }

    #[test]
    fn a_key_under_the_wrong_header_is_led_home() {
        assert_eq!(home("interval", LINK).as_deref(), Some("[link.probe]"));
        assert_eq!(home("interval", "failover").as_deref(), Some("[probe]"));
        assert_eq!(
            home("targets", "agent").as_deref(),
            Some("the top of the file, before the first [section]")
        );
        assert_eq!(home("colour", "agent"), None);
    }

    #[test]
    fn sections_hold_their_keys_and_sections() {
        assert!(names("").contains(&"link") && names("").contains(&"targets"));
        assert!(names("link").contains(&"probe") && names("link").contains(&"name"));
        assert!(!names("").contains(&"link.probe"));
    }
}
