//! What must hold for every host, however it behaves.

#![allow(clippy::unwrap_used, reason = "a test's helpers are part of the test")]

use proptest::prelude::*;
use shunt_watchdog::{
    Backoff, Escalation, Event, Instant, ModemRail, Outputs, Record, Settings, Span, Stage,
};

fn settings() -> impl Strategy<Value = Settings> {
    let span = |range: std::ops::Range<u32>| range.prop_map(Span::from_secs);
    let rail = (any::<bool>(), span(1..30), span(1..60)).prop_map(|(escalate, off, settle)| ModemRail {
        escalate,
        off,
        settle,
    });
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
                    most_resets: 0,
                    longest_lease,
                }
            },
        )
}

/// What befalls the watchdog.
#[derive(Debug, Clone)]
enum Deed {
    Says(Event),
    WantsModemCut,
    /// It begins anew, with its record. Its pins fall back: what they did then is the board's.
    McuResets,
}

/// Waits between the host's signs of life: short ones mostly, now and then a long silence.
fn host() -> impl Strategy<Value = Vec<(u32, Deed)>> {
    let wait = prop_oneof![6 => 0u32..5_000, 2 => 0u32..120_000, 1 => 0u32..4_000_000];
    let event = prop_oneof![
        8 => Just(Event::Feed),
        1 => (0u32..2_000).prop_map(|seconds| Event::Lease(Span::from_secs(seconds))),
        1 => Just(Event::Reset),
    ];
    let deed = prop_oneof![8 => event.prop_map(Deed::Says), 1 => Just(Deed::WantsModemCut), 1 => Just(Deed::McuResets)];
    proptest::collection::vec((wait, deed), 0..120)
}

/// What an onlooker at the pins sees.
struct Onlooker {
    settings: Settings,
    outputs: Outputs,
    /// No reset before this.
    grace_until: Instant,
    last_reset: Option<Instant>,
    modem_cut: Option<Instant>,
    cuts: Vec<Instant>,
    /// The host was asked to shut down since the alert was raised.
    asked: bool,
}

impl Onlooker {
    fn look(&mut self, watchdog: &Escalation, now: Instant) -> Result<(), TestCaseError> {
        let (was, is) = (self.outputs, watchdog.outputs());
        prop_assert!(watchdog.poll_timeout() > now, "no deadline lies ahead");
        prop_assert!(is.modem_power || !is.host_reset, "two supplies are never cut at once");
        if is.host_reset && !was.host_reset {
            prop_assert!(now >= self.grace_until, "reset within the grace");
            prop_assert!(self.asked, "reset without asking for a shutdown first");
            if let Some(last) = self.last_reset {
                prop_assert!(now >= last + self.settings.backoff.shortest, "resets too close");
            }
            self.last_reset = Some(now);
        }
        self.asked = is.shutdown_request || (self.asked && is.alert);
        if was.host_reset && !is.host_reset {
            let held_since = self.last_reset.unwrap_or_default();
            prop_assert!(now >= held_since + self.settings.reset_hold, "the reset was too short");
            self.grace_until = now + self.settings.boot_grace;
        }
        if was.modem_power && !is.modem_power {
            let rail = self.settings.modem_rail;
            prop_assert!(rail.escalate || !is.alert, "cut by silence, though not configured");
            if let Some(cut) = self.modem_cut {
                prop_assert!(now >= cut + rail.off + rail.settle, "cut again too soon");
            }
            self.modem_cut = Some(now);
            self.cuts.push(now);
            // Six at once, and one more for each hour.
            let hour = Span::from_secs(3600).as_millis();
            let lately = self.cuts.iter().filter(|cut| now.since(**cut).as_millis() < hour).count();
            prop_assert!(lately <= 7, "the modem is cut too often");
        }
        if let (false, true, Some(cut)) = (was.modem_power, is.modem_power, self.modem_cut) {
            prop_assert!(now >= cut + self.settings.modem_rail.off, "the modem was off too shortly");
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
        let mut watchdog = Escalation::new(settings, Record { in_a_row, ..Record::default() }, now).unwrap();
        let grace_until = now + settings.boot_grace;
        let outputs = watchdog.outputs();
        let mut onlooker =
            Onlooker { settings, outputs, grace_until, last_reset: None, modem_cut: None, cuts: Vec::new(), asked: false };
        for (wait, deed) in host {
            let then = now + Span::from_millis(wait);
            while watchdog.poll_timeout() <= then {
                now = watchdog.poll_timeout();
                watchdog.handle_timeout(now);
                onlooker.look(&watchdog, now)?;
            }
            now = then;
            match deed {
                Deed::Says(event) => watchdog.handle_event(event, now),
                Deed::WantsModemCut => {
                    let _ = watchdog.cycle_modem(now);
                }
                Deed::McuResets => {
                    watchdog = Escalation::new(settings, watchdog.record(), now).unwrap();
                    onlooker.outputs = watchdog.outputs();
                    onlooker.modem_cut = None;
                    onlooker.grace_until = now + settings.boot_grace;
                }
            }
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
