//! The task's bookkeeping around its session: leases over a stop, and upgrades that it was told of.

use super::world::{World, config};
use crate::mcu::flash::Image;
use crate::mcu::flash::tests::rom::program;
use crate::mcu::task::Task;
use crate::mcu::{Farewell, Mcu, ToTask, Wish};
use shunt_wire::{Message, Outcome, Seconds, Stage};
use std::time::Duration;
use tokio::sync::oneshot;

/// A lease in the place of another is no new stage, of which the MCU would tell.
#[test]
fn a_lease_that_was_granted_counts_before_the_mcu_tells_how_it_stands() {
    let mut world = World::new("longest_lease = \"2h\"");
    world.run(60);
    for (asked, granted, longer) in
        [(300, 300, false), (3_600, 3_600, true), (9_000, 7_200, true), (120, 120, false)]
    {
        let before = world.time();
        assert!(world.ask(Message::Lease(Seconds(asked))).is_some());
        let end = world.session.longer_lease();
        assert_eq!(end, longer.then_some(before + Duration::from_secs(granted)), "{asked} s");
    }
    // What it tells later is nearer to the truth.
    assert_eq!(world.ask(Message::Lease(Seconds(3_600))), Some(Outcome::Done));
    world.reboot_mcu();
    world.run(10);
    assert_eq!(world.ask(Message::Lease(Seconds(0))), Some(Outcome::Done));
    assert_eq!(world.session.longer_lease(), None);
}

/// As after an upgrade, which gives the operator's lease back before it takes leave.
#[test]
fn a_stop_that_follows_an_operators_lease_waits_for_its_answer_and_leaves_it() {
    let directory = tempfile::tempdir().unwrap();
    for (lease, left) in [(3_600, 3_500..3_601), (120, 550..601)] {
        let mut world = World::new("");
        world.run(60);
        let config = config("");
        let (mcu, ends) = Mcu::new(&config);
        let mut task = Task::new(&config, config.port.as_ref().unwrap(), directory.path(), ends);
        std::mem::swap(&mut task.session, &mut world.session);
        let (reply, mut told) = oneshot::channel();
        task.later = vec![
            ToTask::Ask(Wish::Lease(Duration::from_secs(lease)), oneshot::channel().0),
            ToTask::Leave(Farewell::Lease, reply),
        ];
        task.take_up();
        assert_eq!((task.later.len(), told.try_recv().is_ok()), (1, false), "it is not known yet");
        std::mem::swap(&mut task.session, &mut world.session);
        world.pump();
        std::mem::swap(&mut task.session, &mut world.session);
        task.take_up();
        assert_eq!((task.later.len(), told.try_recv() == Ok(Ok(()))), (0, lease == 3_600));
        std::mem::swap(&mut task.session, &mut world.session);
        world.feeding = false;
        world.pump();
        world.run(35);
        let (status, _) = world.session.status().unwrap();
        assert!(status.stage == Stage::Leased && left.contains(&status.left.0), "{status:?}");
        drop(mcu);
    }
}

/// The loop asks right after it told the task, whose thread may be slow.
#[test]
fn an_upgrade_goes_on_from_the_moment_that_the_task_was_told() {
    let directory = tempfile::tempdir().unwrap();
    let config = config("");
    let image = || Image::parse(&program("stm32g030", "1.1.0", 15_148)).unwrap();
    let (mut mcu, ends) = Mcu::new(&config);
    let mut task = Task::new(&config, config.port.as_ref().unwrap(), directory.path(), ends);
    assert!(!mcu.is_flashing());
    mcu.flash(image(), oneshot::channel().0);
    assert!(mcu.is_flashing(), "the task has not heard of it");
    let (reply, mut refused) = oneshot::channel();
    mcu.flash(image(), reply);
    while let Ok(asked) = task.ends.asked.try_recv() {
        task.take(asked);
        assert!(mcu.is_flashing());
    }
    assert!(refused.try_recv().unwrap().is_err(), "one at a time");
    task.standing.flash = None;
    task.show();
    assert!(!mcu.is_flashing());
    // One that is refused for want of room, or of a task, was never told.
    drop(task);
    mcu.flash(image(), oneshot::channel().0);
    assert!(!mcu.is_flashing());
}
