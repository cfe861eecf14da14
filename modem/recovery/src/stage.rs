//! Where the modem stands on its way up: every pair of stage and sign, in one table.

use serde::{Deserialize, Serialize};

/// A step of the way from nothing to data that flows, or one of the two places beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// No port; it is looked for.
    Absent,
    /// A port is open; who is there?
    Identifying,
    /// The SIM is awaited.
    Sim,
    /// The SIM is being given its PIN.
    Unlocking,
    /// The radio is switched on.
    Radio,
    /// Registration is awaited.
    Searching,
    /// Attachment for packets.
    Attaching,
    /// The bearer is brought up.
    Connecting,
    /// The host's interface gets its address.
    Addressing,
    /// The data probe is awaited.
    Verifying,
    /// Data flows; all is watched.
    Verified,
    /// A permanent cause: nothing is tried but the other SIM, for an hour.
    Blocked,
    /// A rung is being carried out.
    Repairing,
}

/// What was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// A port is open.
    PortsOpen,
    /// None is.
    PortsGone,
    /// The modem has just booted.
    Booted,
    /// A question was not answered in time.
    Silent,
    /// The modem is known.
    Identified,
    /// The SIM wants nothing.
    SimReady,
    /// The SIM is busy, absent or failing, or wants a PIN that may be given later.
    SimWanting,
    /// The PIN may be given now.
    MayUnlock,
    /// A permanent cause.
    Barred,
    /// The radio is on.
    RadioOn,
    /// It is not.
    RadioOff,
    /// Registered for data.
    Registered,
    /// Not registered for data.
    Unregistered,
    /// Attached for packets.
    Attached,
    /// Not attached.
    Detached,
    /// The bearer is active.
    BearerUp,
    /// It is not.
    BearerDown,
    /// The host's addresses fit the bearer's.
    Addressed,
    /// They do not.
    Unaddressed,
    /// Data flows.
    Flows,
    /// It does not.
    Stalled,
    /// What the stage does was refused, or not done in time.
    Failed,
    /// The stage has had its time.
    Overdue,
    /// A rung was carried out and leads here.
    RungOver(Stage),
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Stay,
    /// On, or back, to another stage.
    Go(Stage),
    /// A rung is needed.
    Fault,
    /// A permanent cause.
    Bar,
}

/// The next step.
pub(crate) const fn next(stage: Stage, sign: Sign) -> Step {
    use Stage::{
        Absent, Addressing, Attaching, Blocked, Connecting, Identifying, Radio, Repairing, Searching, Sim,
        Unlocking, Verified, Verifying,
    };
    use Step::{Bar, Fault, Go, Stay};
    match (sign, stage) {
        (Sign::PortsOpen, Absent) => Go(Identifying),
        (
            Sign::PortsOpen,
            Identifying | Sim | Unlocking | Radio | Searching | Attaching | Connecting | Addressing
            | Verifying | Verified | Blocked | Repairing,
        ) => Stay,

        (
            Sign::PortsGone,
            Identifying | Sim | Unlocking | Radio | Searching | Attaching | Connecting | Addressing
            | Verifying | Verified | Blocked,
        ) => Go(Absent),
        (Sign::PortsGone, Absent | Repairing) => Stay,

        (
            Sign::Booted,
            Identifying | Sim | Unlocking | Radio | Searching | Attaching | Connecting | Addressing
            | Verifying | Verified | Blocked,
        ) => Go(Identifying),
        (Sign::Booted, Absent | Repairing) => Stay,

        (
            Sign::Silent,
            Sim | Unlocking | Radio | Searching | Attaching | Connecting | Addressing | Verifying | Verified,
        ) => Fault,
        (Sign::Silent, Absent | Identifying | Blocked | Repairing) => Stay,

        (Sign::Identified, Identifying) => Go(Sim),
        (
            Sign::Identified,
            Absent | Sim | Unlocking | Radio | Searching | Attaching | Connecting | Addressing | Verifying
            | Verified | Blocked | Repairing,
        ) => Stay,

        (Sign::SimReady, Sim | Unlocking) => Go(Radio),
        (Sign::SimReady, Blocked) => Go(Sim),
        (
            Sign::SimReady,
            Absent | Identifying | Radio | Searching | Attaching | Connecting | Addressing | Verifying
            | Verified | Repairing,
        ) => Stay,

        (
            Sign::SimWanting,
            Radio | Searching | Attaching | Connecting | Addressing | Verifying | Verified | Blocked,
        ) => Go(Sim),
        (Sign::SimWanting, Absent | Identifying | Sim | Unlocking | Repairing) => Stay,

        (Sign::MayUnlock, Sim) => Go(Unlocking),
        (
            Sign::MayUnlock,
            Absent | Identifying | Unlocking | Radio | Searching | Attaching | Connecting | Addressing
            | Verifying | Verified | Blocked | Repairing,
        ) => Stay,

        (
            Sign::Barred,
            Sim | Unlocking | Radio | Searching | Attaching | Connecting | Addressing | Verifying | Verified,
        ) => Bar,
        (Sign::Barred, Absent | Identifying | Blocked | Repairing) => Stay,

        (Sign::RadioOn, Radio) => Go(Searching),
        (
            Sign::RadioOn,
            Absent | Identifying | Sim | Unlocking | Searching | Attaching | Connecting | Addressing
            | Verifying | Verified | Blocked | Repairing,
        ) => Stay,

        (Sign::RadioOff, Searching | Attaching | Connecting | Addressing | Verifying | Verified) => Go(Radio),
        (Sign::RadioOff, Absent | Identifying | Sim | Unlocking | Radio | Blocked | Repairing) => Stay,

        (Sign::Registered, Searching | Blocked) => Go(Attaching),
        (
            Sign::Registered,
            Absent | Identifying | Sim | Unlocking | Radio | Attaching | Connecting | Addressing | Verifying
            | Verified | Repairing,
        ) => Stay,

        (Sign::Unregistered, Attaching | Connecting | Addressing | Verifying | Verified) => Go(Searching),
        (
            Sign::Unregistered,
            Absent | Identifying | Sim | Unlocking | Radio | Searching | Blocked | Repairing,
        ) => Stay,

        (Sign::Attached, Attaching) => Go(Connecting),
        (
            Sign::Attached,
            Absent | Identifying | Sim | Unlocking | Radio | Searching | Connecting | Addressing | Verifying
            | Verified | Blocked | Repairing,
        ) => Stay,

        (Sign::Detached, Connecting | Addressing | Verifying | Verified) => Go(Attaching),
        (
            Sign::Detached,
            Absent | Identifying | Sim | Unlocking | Radio | Searching | Attaching | Blocked | Repairing,
        ) => Stay,

        (Sign::BearerUp, Connecting | Blocked) => Go(Addressing),
        (
            Sign::BearerUp,
            Absent | Identifying | Sim | Unlocking | Radio | Searching | Attaching | Addressing | Verifying
            | Verified | Repairing,
        ) => Stay,

        (Sign::BearerDown, Addressing | Verifying | Verified) => Go(Connecting),
        (
            Sign::BearerDown,
            Absent | Identifying | Sim | Unlocking | Radio | Searching | Attaching | Connecting | Blocked
            | Repairing,
        ) => Stay,

        (Sign::Addressed, Addressing) => Go(Verifying),
        (
            Sign::Addressed,
            Absent | Identifying | Sim | Unlocking | Radio | Searching | Attaching | Connecting | Verifying
            | Verified | Blocked | Repairing,
        ) => Stay,

        (Sign::Unaddressed, Verifying | Verified) => Go(Addressing),
        (
            Sign::Unaddressed,
            Absent | Identifying | Sim | Unlocking | Radio | Searching | Attaching | Connecting | Addressing
            | Blocked | Repairing,
        ) => Stay,

        (Sign::Flows, Addressing | Verifying) => Go(Verified),
        (
            Sign::Flows,
            Absent | Identifying | Sim | Unlocking | Radio | Searching | Attaching | Connecting | Verified
            | Blocked | Repairing,
        ) => Stay,

        (Sign::Stalled, Verified) => Go(Verifying),
        (
            Sign::Stalled,
            Absent | Identifying | Sim | Unlocking | Radio | Searching | Attaching | Connecting | Addressing
            | Verifying | Blocked | Repairing,
        ) => Stay,

        (Sign::Failed, Attaching | Connecting) => Fault,
        (
            Sign::Failed,
            Absent | Identifying | Sim | Unlocking | Radio | Searching | Addressing | Verifying | Verified
            | Blocked | Repairing,
        ) => Stay,

        (
            Sign::Overdue,
            Absent | Identifying | Sim | Radio | Searching | Attaching | Connecting | Addressing | Verifying,
        ) => Fault,
        (Sign::Overdue, Unlocking) => Go(Sim),
        (Sign::Overdue, Verified | Blocked | Repairing) => Stay,

        (Sign::RungOver(to), Repairing) => Go(to),
        (
            Sign::RungOver(_),
            Absent | Identifying | Sim | Unlocking | Radio | Searching | Attaching | Connecting | Addressing
            | Verifying | Verified | Blocked,
        ) => Stay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNS: [Sign; 24] = [
        Sign::PortsOpen,
        Sign::PortsGone,
        Sign::Booted,
        Sign::Silent,
        Sign::Identified,
        Sign::SimReady,
        Sign::SimWanting,
        Sign::MayUnlock,
        Sign::Barred,
        Sign::RadioOn,
        Sign::RadioOff,
        Sign::Registered,
        Sign::Unregistered,
        Sign::Attached,
        Sign::Detached,
        Sign::BearerUp,
        Sign::BearerDown,
        Sign::Addressed,
        Sign::Unaddressed,
        Sign::Flows,
        Sign::Stalled,
        Sign::Failed,
        Sign::Overdue,
        Sign::RungOver(Stage::Absent),
    ];

    /// The letter of each stage, in the table below.
    const LETTERS: [(Stage, char); 13] = [
        (Stage::Absent, 'A'),
        (Stage::Identifying, 'I'),
        (Stage::Sim, 'S'),
        (Stage::Unlocking, 'U'),
        (Stage::Radio, 'R'),
        (Stage::Searching, 'N'),
        (Stage::Attaching, 'T'),
        (Stage::Connecting, 'C'),
        (Stage::Addressing, 'D'),
        (Stage::Verifying, 'V'),
        (Stage::Verified, 'W'),
        (Stage::Blocked, 'B'),
        (Stage::Repairing, 'P'),
    ];

    const fn letter(step: Step, letters: &[(Stage, char)]) -> char {
        match step {
            Step::Stay => '.',
            Step::Fault => '!',
            Step::Bar => 'x',
            Step::Go(stage) => letters[stage as usize].1,
        }
    }

    /// One row a stage, one column a sign in the order of `SIGNS`: every pair. `.` stays, `!` is a fault,
    /// `x` a permanent cause, a letter goes to the stage that bears it.
    #[test]
    fn the_whole_table() {
        let table = [
            (Stage::Absent, "I.....................!."),
            (Stage::Identifying, ".AI.S.................!."),
            (Stage::Sim, ".AI!.R.Ux.............!."),
            (Stage::Unlocking, ".AI!.R..x.............S."),
            (Stage::Radio, ".AI!..S.xN............!."),
            (Stage::Searching, ".AI!..S.x.RT..........!."),
            (Stage::Attaching, ".AI!..S.x.R.NC.......!!."),
            (Stage::Connecting, ".AI!..S.x.R.N.TD.....!!."),
            (Stage::Addressing, ".AI!..S.x.R.N.T.CV.W..!."),
            (Stage::Verifying, ".AI!..S.x.R.N.T.C.DW..!."),
            (Stage::Verified, ".AI!..S.x.R.N.T.C.D.V..."),
            (Stage::Blocked, ".AI..SS....T...D........"),
            (Stage::Repairing, ".......................A"),
        ];
        for ((stage, row), (numbered, _)) in table.into_iter().zip(LETTERS) {
            assert_eq!(stage, numbered);
            let found: String = SIGNS.map(|sign| letter(next(stage, sign), &LETTERS)).iter().collect();
            assert_eq!(found, row, "{stage:?}");
        }
    }

    /// Whatever the stage, signs of a modem that is well lead to data that flows.
    #[test]
    fn every_stage_leads_to_data() {
        for (start, _) in LETTERS {
            let mut stage = start;
            let well = [
                Sign::RungOver(Stage::Absent),
                Sign::PortsOpen,
                Sign::Identified,
                Sign::SimReady,
                Sign::SimReady,
                Sign::RadioOn,
                Sign::Registered,
                Sign::Attached,
                Sign::BearerUp,
                Sign::Addressed,
                Sign::Flows,
            ];
            for sign in well {
                if let Step::Go(to) = next(stage, sign) {
                    stage = to;
                }
            }
            assert_eq!(stage, Stage::Verified, "{start:?}");
        }
    }
}
