//! What must hold for every host, however it behaves.

#![allow(clippy::unwrap_used, reason = "a test's helpers are part of the test")]

use proptest::prelude::*;
use shunt_watchdog::{Backoff, Event, Instant, ModemRail, Outputs, Record, Settings, Span, Stage, Watchdog};

fn settings() -> impl Strategy<Value = Settings> {
    let span = |range: std::ops::Range<u32>| range.prop_map(Span::from_secs);
    let rail =
        proptest::option::of((span(1..30), span(1..60)).prop_map(|(off, settle)| ModemRail { off, settle }));
    let backoff = (30u32..600, 0u32..3600, 0u32..600).prop_map(|(shortest, more, health)| Backoff {
        shortest: Span::from_secs(shortest),
        longest: Span::from_secs(shortest + more),
        healthy: Span::from_secs(shortest + health),
    });
    (span(60..300), span(1..60), span(1..60), rail, span(1..60), span(1..20), backoff, span(1..1000))
        .prop_map(
            |(boot_grace, feed_timeout, alert, modem_rail, shutdown, reset_hold, backoff, longest_lease)| {
                Settings {
                    boot_grace,
                    feed_timeout,
                    alert,
                    modem_rail,
                    shutdown,
                    reset_hold,
                    backoff,
                    longest_lease,
                }
            },
        )
}

/// Waits between the host's signs of life: short ones mostly, now and then a long silence.
fn host() -> impl Strategy<Value = Vec<(u32, Event)>> {
    let wait = prop_oneof![6 => 0u32..5_000, 2 => 0u32..120_000, 1 => 0u32..4_000_000];
    let event = prop_oneof![
        8 => Just(Event::Feed),
        1 => (0u32..2_000).prop_map(|seconds| Event::Lease(Span::from_secs(seconds))),
    ];
    proptest::collection::vec((wait, event), 0..120)
}

/// What an onlooker at the pins sees.
struct Onlooker {
    settings: Settings,
    outputs: Outputs,
    /// No reset before this.
    grace_until: Instant,
    last_reset: Option<Instant>,
    modem_cut: Option<Instant>,
}

impl Onlooker {
    fn look(&mut self, watchdog: &Watchdog, now: Instant) -> Result<(), TestCaseError> {
        let (was, is) = (self.outputs, watchdog.outputs());
        prop_assert!(watchdog.poll_timeout() > now, "no deadline lies ahead");
        prop_assert!(is.modem_power || !is.host_reset, "two supplies are never cut at once");
        if is.host_reset && !was.host_reset {
            prop_assert!(now >= self.grace_until, "reset within the grace");
            prop_assert!(was.shutdown_request, "reset without asking for a shutdown first");
            if let Some(last) = self.last_reset {
                prop_assert!(now >= last + self.settings.backoff.shortest, "resets too close");
            }
            self.last_reset = Some(now);
        }
        if was.host_reset && !is.host_reset {
            let held_since = self.last_reset.unwrap_or_default();
            prop_assert!(now >= held_since + self.settings.reset_hold, "the reset was too short");
            self.grace_until = now + self.settings.boot_grace;
        }
        if was.modem_power && !is.modem_power {
            prop_assert!(self.settings.modem_rail.is_some(), "no rail is configured");
            self.modem_cut = Some(now);
        }
        if let (false, true, Some(rail), Some(cut)) =
            (was.modem_power, is.modem_power, self.settings.modem_rail, self.modem_cut)
        {
            prop_assert!(now >= cut + rail.off, "the modem was off too shortly");
        }
        self.outputs = is;
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn power_is_cut_only_as_promised(settings in settings(), host in host(), in_a_row in 0u8..=255) {
        let mut now = Instant::ZERO;
        let mut watchdog = Watchdog::new(settings, Record { host_resets: 0, in_a_row }, now).unwrap();
        let grace_until = now + settings.boot_grace;
        let outputs = watchdog.outputs();
        let mut onlooker =
            Onlooker { settings, outputs, grace_until, last_reset: None, modem_cut: None };
        for (wait, event) in host {
            let then = now + Span::from_millis(wait);
            while watchdog.poll_timeout() <= then {
                now = watchdog.poll_timeout();
                watchdog.handle_timeout(now);
                onlooker.look(&watchdog, now)?;
            }
            now = then;
            watchdog.handle_event(event, now);
            onlooker.look(&watchdog, now)?;
        }

        // From wherever that led, a host that feeds is guarded again ...
        let mut fed = watchdog.clone();
        let mut feed_at = now;
        let longest_deaf = Span::from_secs(30 + 20 + 1_000);
        while !matches!(fed.stage(), Stage::Guarding { .. } | Stage::Leased { .. }) {
            prop_assert!(feed_at < now + longest_deaf, "feeds do not lead back");
            feed_at = feed_at + Span::from_millis(500);
            fed.handle_event(Event::Feed, feed_at);
        }

        // ... and one that stays silent is reset, at the latest after the longest back-off and one escalation.
        let silent_since = now;
        while !watchdog.outputs().host_reset {
            now = watchdog.poll_timeout();
            watchdog.handle_timeout(now);
            onlooker.look(&watchdog, now)?;
        }
        let longest = Span::from_secs(1_000 + 300 + 60 + 60 + 30 + 60 + 60 + 4_200);
        prop_assert!(now <= silent_since + longest, "a silent host is not reset");
    }
}
