//! What it costs to talk to a modem: a command's round trip over a pty, and a bearer from the order until it has an
//! address, by the agent's own session and dialect against the simulated modem.

use super::{Desk, Figure, Unit, missing};
use crate::error::{Doing, LabError, Result};
use crate::modem::{Endpoint, Network, Profile, Simulator, Timing};
use shunt_modem::at::{Class, Command, Echo, Final, Outcome};
use shunt_modem::dialect::{Ask, Cid, Dialect, Step, Way};
use shunt_modem::{ModemError, Reply, Session};
use shunt_recovery::facts::Identity;
use std::time::{Duration, Instant};

/// Round trips: enough for a quantile that stays, in about a second.
const COMMANDS: u32 = 5_000;
/// Commands before the first that counts: code and port are warm then, as in a program that runs for years.
const WARMING: u32 = 100;
/// Bearers of the modem in a hurry.
const HURRIED: u32 = 100;
/// At most so many at its real pace: each takes a second and a half.
const PACED: u32 = 8;
/// The modem boots in a hurry.
const DEADLINE: Duration = Duration::from_secs(10);
/// An EC25 on USB.
const EC25: (u16, u16) = (0x2c7c, 0x0125);
const CID: Cid = Cid(1);
/// A pty has no speed.
const BAUD: u32 = 115_200;

pub(super) fn measure(runs: u32, desk: &mut Desk<'_>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .doing(|| "start a runtime for the modem's session".into())?;
    desk.doing("round trips of a command over a pty");
    let at_once = Timing { answer: Duration::ZERO, ..Timing::quick() };
    (desk.show)(&runtime.block_on(round_trips(at_once))?);
    desk.doing("bearers of a modem in a hurry");
    let what = "bearer up, order to address, simulated modem that takes 10 ms for it";
    (desk.show)(&runtime.block_on(bearers(what, Timing::quick(), HURRIED))?);
    desk.doing("bearers of a modem at its real pace");
    let what = "bearer up, order to address, simulated EC25 that takes 700 ms for it";
    // It boots in a hurry all the same.
    let Timing { answer, bearer, .. } = Timing::ec25();
    let paced = Timing { answer, bearer, ..Timing::quick() };
    (desk.show)(&runtime.block_on(bearers(what, paced, runs.min(PACED)))?);
    Ok(())
}

/// A modem that is registered, and a session on its first port. The directory holds the port's name.
async fn start(timing: Timing) -> Result<(Simulator, Session, tempfile::TempDir)> {
    let home = tempfile::tempdir().doing(|| "make a directory for the modem's ports".into())?;
    let endpoints = vec![Endpoint::Pty(home.path().to_owned())];
    let profile = Profile { timing, ..Profile::default() };
    let modem = Simulator::start(profile, Network::default(), endpoints, None, 1)?;
    let ports = modem.wait_for_ports(DEADLINE)?;
    modem.wait_for("the modem's registration", DEADLINE, |modem, _| modem.registered())?;
    let port = ports.first().ok_or_else(|| missing("the modem's port"))?;
    let mut session = Session::open(port, BAUD, Echo::On, shunt_modem::Timing::default()).map_err(failed)?;
    // The first command waits for the fence of a port that was just opened.
    session.command(signal()?, DEADLINE).await.map_err(failed)?;
    Ok((modem, session, home))
}

/// A short question, of which the answer is one line.
fn signal() -> Result<Command> {
    let command = Command::new("AT+CSQ", Class::SingleLine("+CSQ:"));
    command.map_err(|error| garbled("the question for the signal", error.to_string()))
}

async fn round_trips(timing: Timing) -> Result<Figure> {
    let (_modem, mut session, _home) = start(timing).await?;
    let command = signal()?;
    let mut figure = Figure::new("command round trip over a pty, answered at once", Unit::Micros, &[]);
    for number in 0..WARMING + COMMANDS {
        let start = Instant::now();
        let reply = session.command(command.clone(), DEADLINE).await.map_err(failed)?;
        let took = start.elapsed();
        well("AT+CSQ", reply)?;
        if number >= WARMING {
            figure.add_time(took);
        }
    }
    Ok(figure)
}

async fn bearers(what: &str, timing: Timing, runs: u32) -> Result<Figure> {
    let (_modem, mut session, _home) = start(timing).await?;
    let dialect = Dialect::of(&Identity::default(), Some(EC25));
    let way = dialect.ways().next().ok_or_else(|| missing("a way to bring a bearer up"))?;
    let mut figure = Figure::new(what, Unit::Millis, &[]);
    for _ in 0..runs {
        let start = Instant::now();
        carry_out(&mut session, dialect, Step::BearerUp(way, CID)).await?;
        if !is_up(&mut session, way).await? {
            return Err(missing("the bearer's address"));
        }
        figure.add_time(start.elapsed());
        carry_out(&mut session, dialect, Step::BearerDown(way, CID)).await?;
    }
    Ok(figure)
}

async fn carry_out(session: &mut Session, dialect: &Dialect, step: Step<'_>) -> Result<()> {
    let asks = dialect.act(step).map_err(|error| garbled("a step of the dialect", error.to_string()))?;
    say(session, asks).await.map(drop)
}

async fn is_up(session: &mut Session, way: &Way) -> Result<bool> {
    let lines = say(session, way.ask(CID)).await?;
    Ok(way.read(CID, &lines).is_some_and(|bearer| bearer.active && !bearer.addresses.is_empty()))
}

/// All lines of the answers, each of which must end well.
async fn say(session: &mut Session, asks: impl IntoIterator<Item = Ask>) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for ask in asks {
        let text = ask.command.shown().to_owned();
        let reply = session.command(ask.command, ask.timeout).await.map_err(failed)?;
        lines.extend(well(&text, reply)?);
    }
    Ok(lines)
}

fn well(command: &str, reply: Reply) -> Result<Vec<String>> {
    match reply.outcome {
        Outcome::Final(Final::Ok) => Ok(reply.lines),
        outcome => Err(garbled(&format!("the modem's answer to {command}"), format!("it is {outcome:?}"))),
    }
}

fn failed(error: ModemError) -> LabError {
    garbled("the modem's answer", error.to_string())
}

fn garbled(reading: &str, fault: String) -> LabError {
    LabError::Garbled { reading: reading.to_owned(), fault }
}
