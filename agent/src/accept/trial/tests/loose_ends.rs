//! What is in the way for a moment, what stays behind, and what would never end.

use super::*;

#[test]
fn a_passing_suspicion_is_waited_through_and_a_lasting_one_is_told() {
    for (name, why) in [
        ("fiber", "fiber is not healthy to begin with: IPv4 is suspect"),
        ("lte", "this would cut the site off"),
    ] {
        for way in [Way::Real, Way::ByOrder] {
            let mut bench = Bench::new(&cable("fiber"), Some(way), &limits(""));
            bench.health(name, Health::Suspect);
            bench.wait(29);
            bench.wait(1);
            bench.fails(why);

            let mut bench = Bench::new(&cable("fiber"), Some(way), &limits(""));
            bench.health(name, Health::Suspect);
            bench.wait(2);
            bench.health(name, Health::Healthy);
            if way == Way::Real {
                bench.tells("Pull");
            } else {
                assert!(matches!(bench.asks(), Request::Force { .. }));
            }
        }
    }
}

#[test]
fn traffic_that_is_left_on_the_backup_is_told_where_nobody_takes_it_back() {
    let home = "Users' traffic is on lte, and the config does not take it back at once: once fiber is healthy, \
                have it back by `shunt force fiber`, and then `shunt release`.";
    let mut bench = pulled(&limits(MANUAL), 41.2);
    assert_eq!(bench.parting(), format!("Plug the cable of fiber (eth0) in again. {home}"));
    bench.uplink("fiber");
    assert_eq!(bench.parting(), "Plug the cable of fiber (eth0) in again.");

    let mut bench = Bench::new(&cable("fiber"), Some(Way::ByOrder), &limits(MANUAL));
    assert_eq!(bench.parting(), "");
    bench.asks();
    bench.uplink("lte");
    assert_eq!(bench.parting(), home);
    // The agent takes it back by itself.
    let mut bench = Bench::new(&cable("fiber"), Some(Way::ByOrder), &limits(""));
    bench.asks();
    bench.uplink("lte");
    assert_eq!(bench.parting(), "");
}

#[test]
fn a_lease_that_does_not_end_is_asked_to_for_a_few_times_only() {
    let mut bench = Bench::new(&cable("lte"), Some(Way::Real), &limits(""));
    bench.asks();
    bench.uplink("lte");
    bench.forced("lte", Some(900));
    bench.tells("Pull");
    bench.leave("lte", "fiber", Some(41.2));
    bench.wait(0);
    bench.tells("Plug");
    bench.health("lte", Health::Healthy);
    bench.wait(0);
    for _ in 0..3 {
        assert_eq!(bench.asks(), Request::Release {});
    }
    bench.fails("The lease of this run does not end: end it by `shunt release`");
}

#[test]
fn a_young_daemon_that_was_replaced_by_an_older_one_is_told() {
    // Away for 20 s: the same one is as much older then, whatever a look takes.
    for (uptime, same) in [(25, true), (20, true), (8, false)] {
        let mut bench = Bench::new(&cable("fiber"), Some(Way::Real), &limits(""));
        bench.status().uptime_s = 5;
        bench.tells("Pull");
        let status = bench.look.status.take();
        bench.wait(20);
        bench.look.status = status;
        bench.status().uptime_s = uptime;
        if same {
            bench.wait(1);
        } else {
            bench.fails("The daemon was restarted in the midst");
        }
    }
}
