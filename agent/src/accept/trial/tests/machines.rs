//! The same for what only looks, for modems, the MCU and restarts.

use super::*;

pub(super) fn modem_step(rail: bool) -> Step {
    let (modem, link) = ("lte".to_owned(), "lte".to_owned());
    step(if rail { Kind::Rail { modem, link, by_mcu: true } } else { Kind::Modem { modem, link } })
}

/// The agent tells how a rung of its recovery ended.
fn ends(bench: &mut Bench, rung: u8, result: &str) {
    let number = bench.look.events.last().map_or(0, |event| event.number) + 1;
    let text = format!("modem lte: recovery, rung {rung} ended after 2 s: {result}");
    let at = "2026-01-02T03:00:00.000Z".to_owned();
    bench.look.events.push(Event::plain(number, at, EventKind::Modem, text));
}

#[test]
fn a_reset_that_was_not_done_is_none_though_data_flows_again() {
    for rail in [false, true] {
        let (rung, mut bench) =
            (if rail { 7 } else { 5 }, Bench::new(&modem_step(rail), Some(Way::Real), &limits("")));
        // That of another day.
        ends(&mut bench, rung, "it helped");
        bench.asks();
        bench.modem(Readiness::Registered, 1);
        bench.tells("It is gone");
        bench.modem(Readiness::Verified, 1);
        bench.wait(1);
        ends(&mut bench, rung, "it was refused");
        bench.fails("It was not done: it was refused.");
    }
    // A modem on a line has no port that goes: its own word counts.
    for (boots, passes) in [(1, true), (0, false)] {
        let mut bench = Bench::new(&modem_step(false), Some(Way::Real), &limits(""));
        bench.asks();
        bench.modem(Readiness::Registered, 1);
        bench.tells("It is gone");
        ends(&mut bench, 5, "it was not done in time");
        bench.wait(20);
        bench.modem(Readiness::Verified, 1);
        bench.look.modems[0].counters.boots += boots;
        if passes {
            bench.passes();
        } else {
            bench.fails("It was not done in time: no port");
        }
    }
}

#[test]
fn a_modem_must_go_away_and_come_back_to_data_that_flows() {
    let mut bench = Bench::new(&modem_step(false), Some(Way::Real), &limits(""));
    let request = bench.asks();
    assert!(
        matches!(&request, Request::ModemReset { modem: Some(modem), rung: Some(rung) } if modem == "lte" && rung == "reset"),
        "{request:?}"
    );
    bench.wait(3);
    bench.modem(Readiness::NoModem, 1);
    bench.tells("It is gone");
    bench.wait(40);
    bench.modem(Readiness::Verified, 2);
    ends(&mut bench, 5, "it helped");
    let outcome = bench.passes();
    assert_eq!(figure(&outcome, "data flows again").value_ms, 41_000.0);

    // So short an absence that nobody looked meanwhile.
    let mut bench = Bench::new(&modem_step(false), Some(Way::Real), &limits(""));
    bench.asks();
    bench.at = 10;
    bench.modem(Readiness::Verified, 4);
    ends(&mut bench, 5, "it helped");
    bench.tells("It is gone");
    bench.passes();

    let mut bench = Bench::new(&modem_step(false), Some(Way::Real), &limits(""));
    bench.asks();
    bench.wait(91);
    bench.fails("The modem never went away");

    let mut bench = Bench::new(&modem_step(false), Some(Way::Real), &limits(""));
    bench.asks();
    bench.modem(Readiness::NoModem, 1);
    bench.tells("It is gone");
    bench.wait(301);
    bench.fails("No data flowed again within 5 min");

    let mut bench = Bench::new(&modem_step(false), Some(Way::Real), &limits(""));
    bench.modem(Readiness::Searching, 60);
    bench.wait(121);
    bench.fails("not ready to begin with");
}

#[test]
fn a_rail_is_cut_where_the_mcu_counts_it() {
    for (cuts, signs, wrong) in [
        (1, 1, None),
        (0, 1, Some("The MCU counts no cut of its rail")),
        // Another's rail: this modem was only switched off the air.
        (1, 0, Some("The modem did not lose its supply: no port of it went")),
    ] {
        let mut bench = Bench::new(&modem_step(true), Some(Way::Real), &limits(""));
        assert_eq!(bench.asks(), Request::McuCycleModem {});
        bench.look.modems[0].counters.gone += signs;
        bench.modem(Readiness::NoModem, 1);
        bench.tells("It is gone");
        bench.at = 60;
        bench.modem(Readiness::Verified, 5);
        ends(&mut bench, 7, "it helped");
        let state = bench.look.mcu.as_mut().and_then(|mcu| mcu.state.as_mut()).unwrap();
        state.counts.modem_cycles = cuts;
        match wrong {
            None => bench.passes(),
            Some(why) => bench.fails(why),
        };
    }
}

#[test]
fn what_only_looks_waits_for_what_is_on_its_way_and_tells_what_is_wrong() {
    let mut bench = Bench::new(&step(Kind::Gateway), None, &limits(""));
    bench.passes();
    bench.health("lte", Health::Failed);
    bench.status().warnings.push("the canary is local".into());
    bench.tells("It is waited for lte");
    bench.wait(181);
    let outcome = bench.fails("lte is not healthy: IPv4 is failed: no carrier on eth0.");
    assert_eq!(outcome.why[1], "The agent warns: the canary is local");

    // The headline is that of IPv4, which is well.
    let mut bench = Bench::new(&step(Kind::Gateway), None, &limits(""));
    let fiber = &mut bench.status().links[0];
    fiber.families.v6.clone_from(&fiber.families.v4);
    let path = fiber.families.v6.as_mut().unwrap();
    (path.verdict, path.reason) = (Health::Failed, "no target answers".into());
    bench.tells("It is waited for fiber");
    bench.wait(181);
    bench.fails("fiber is not healthy: IPv6 is failed: no target answers.");

    let mut bench = Bench::new(&step(Kind::Mcu), None, &limits(""));
    let outcome = bench.passes();
    assert!(outcome.notes[0].contains("stm32g030, firmware 0.1.0"), "{outcome:?}");
    let state = bench.look.mcu.as_mut().and_then(|mcu| mcu.state.as_mut()).unwrap();
    (state.stage, state.modem_power) = ("leased".into(), false);
    bench.tells("It is waited for the MCU");
    bench.wait(61);
    let outcome = bench.fails("its stage is leased");
    assert_eq!(outcome.why[1], "It keeps the modem's supply cut.");
}

#[test]
fn a_restart_is_kept_first_and_judged_after_the_boot() {
    let restart = step(Kind::Restart { by_mcu: true });
    let mut bench = Bench::new(&restart, Some(Way::Real), &limits(""));
    let Next::Keep(pending) = bench.next() else { panic!("it is on the disk before anything else") };
    assert_eq!((pending.boot.as_deref(), pending.host_resets, pending.incident), (Some("one"), Some(1), 0));
    assert_eq!(bench.asks(), Request::McuResetHost {});
    assert!(bench.parting().contains("all the same"));
    // Its own run of the machine goes on: the line is not wired.
    bench.wait(131);
    bench.fails("The gateway was not reset within 2 min");
    // The same machine, and nothing resets it any more: it is asked for again.
    assert!(Trial::resumed(&pending, &bench.look, &limits("")).is_none());

    // Nothing is known of a boot where the kernel does not name it.
    bench.look.boot = None;
    assert!(Trial::resumed(&pending, &bench.look, &limits("")).is_none());

    bench.look.boot = Some("two".into());
    bench.look.up = Duration::from_secs(90);
    bench.trial = Trial::resumed(&pending, &bench.look, &limits("")).unwrap();
    bench.at = 0;
    let status = bench.look.status.take();
    bench.wait(60);
    bench.look.status = status;
    bench.status().uptime_s = 50;
    let now = humantime::parse_rfc3339(&bench.status().at).unwrap();
    let since = humantime::format_rfc3339_millis(now - Duration::from_secs(18)).to_string();
    bench.status().links[0].families.v4.as_mut().unwrap().since = since;
    bench.wait(5);
    let reset: IncidentStatus = serde_json::from_value(serde_json::json!({
        "number": 1, "family": null, "link": null, "to": null, "cause": "host reset by the watchdog MCU (it was asked to)",
        "started": "2026-01-02T03:00:00.000Z", "detected_ms": 0.0, "decided_ms": null, "switched_ms": null,
        "restored_ms": 72_000.0, "verified_ms": null, "recovered_ms": null, "ended_ms": 72_000.0, "breach": true,
        "host_reset": {"by": "mcu", "after_ms": 0.0, "silence_s": null, "resets": 1}
    }))
    .unwrap();
    bench.status().incidents.push(reset);
    let state = bench.look.mcu.as_mut().and_then(|mcu| mcu.state.as_mut()).unwrap();
    state.counts.host_resets = 2;
    let outcome = bench.passes();
    assert_eq!(figure(&outcome, "from the reset").value_ms, 72_000.0);
    assert_eq!(figure(&outcome, "the kernel's start to the agent's").value_ms, 40_000.0);

    // So slow a boot is none that was promised.
    let healthy = figure(&outcome, "the kernel's start to a healthy uplink");
    assert_eq!(healthy.value_ms, 72_000.0, "the path's own verdict counts");
    assert_eq!(healthy.limit_ms, Some(600_000.0), "{healthy:?}");
    bench.trial = Trial::resumed(&pending, &bench.look, &limits("")).unwrap();
    bench.look.up += Duration::from_secs(3_600);
    bench.fails("It took too long: from the kernel's start to a healthy uplink");
    bench.look.up -= Duration::from_secs(3_600);

    // An incident that was open ended by it, and keeps its number; the time of day may be any after a boot.
    let open = Pending { incident: 1, open: vec![1], ..pending.clone() };
    bench.trial = Trial::resumed(&open, &bench.look, &limits("")).unwrap();
    let outcome = bench.passes();
    assert!(outcome.notes[0].starts_with("the reset fell into an incident that was open: "), "{outcome:?}");
    // Traffic flowed again by another link before the reset.
    bench.status().incidents[0].host_reset.as_mut().unwrap().after_ms = Some(90_000.0);
    bench.trial = Trial::resumed(&open, &bench.look, &limits("")).unwrap();
    let outcome = bench.passes();
    assert!(outcome.figures.iter().all(|figure| !figure.what.contains("from the reset")), "{outcome:?}");
    bench.status().incidents[0].host_reset.as_mut().unwrap().after_ms = Some(0.0);
    let over = Pending { open: Vec::new(), ..open };
    bench.status().uptime_s = 61;
    bench.trial = Trial::resumed(&over, &bench.look, &limits("")).unwrap();
    bench.fails("does not tell that the MCU reset the gateway");
    bench.status().uptime_s = 50;

    // Feeds had stopped, too: that is another story than the one that was asked for.
    bench.trial = Trial::resumed(&pending, &bench.look, &limits("")).unwrap();
    let reset = bench.status().incidents[0].host_reset.as_mut().unwrap();
    (reset.by, reset.silence_s) = (ResetBy::Mcu, Some(120));
    bench.fails("because feeds had stopped");
    // Nothing is told: somebody pulled the plug instead.
    bench.trial = Trial::resumed(&pending, &bench.look, &limits("")).unwrap();
    bench.status().incidents.clear();
    bench.status().uptime_s = 61;
    bench.fails("does not tell that the MCU reset the gateway");
}

#[test]
fn a_restart_by_hand_needs_a_new_boot_and_a_healthy_uplink() {
    let mut bench = Bench::new(&step(Kind::Restart { by_mcu: false }), Some(Way::Real), &limits(""));
    let Next::Keep(pending) = bench.next() else { panic!("it is on the disk before anything else") };
    bench.tells("Restart the gateway now");
    bench.wait(301);
    bench.fails("was not restarted within 5 min");
    bench.look.boot = Some("two".into());
    bench.trial = Trial::resumed(&pending, &bench.look, &limits("")).unwrap();
    bench.at = 0;
    bench.health("fiber", Health::Recovering);
    bench.wait(601);
    bench.fails("No uplink was healthy within 10 min");
}
