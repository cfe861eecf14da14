//! A simulated modem on ptys, the driver on it, and an agent that answers the driver.

use shunt_lab::modem::{Endpoint, Modem, Network, Profile, Simulator};
use shunt_modem::dialect::{Auth, Cid, Context, PdpType};
use shunt_modem::driver::Driver;
use shunt_modem::driver::api::{Config, Handle, Order, Power, Received, State, Told};
use shunt_modem::ports::{DeviceId, Probing, Selector, Sysfs};
use shunt_recovery::facts::{Addresses, IpSettings};
use shunt_recovery::{Entry, Happening, Readiness, Rung, RungResult, Saved};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Only a defect, or a machine that stands still, gets there.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// How fast the machine's time runs: its questions may take 450 ms, its hour takes three minutes.
pub(crate) const SPEED: u32 = 20;
/// How ports are fenced here: quickly, for this modem answers quickly.
const TIMING: shunt_modem::Timing = shunt_modem::Timing {
    drain: Duration::from_millis(40),
    fence: Duration::from_millis(120),
    quiet: Duration::from_millis(20),
    fences: 2,
    prompt: Duration::from_secs(5),
    guard: Duration::from_millis(20),
};

/// What the agent was told.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) journal: Vec<Entry>,
    pub(crate) saved: Vec<Saved>,
    pub(crate) bearers: Vec<Option<IpSettings>>,
    pub(crate) messages: Vec<Received>,
    /// How many messages are not taken over.
    pub(crate) refuse: usize,
    /// Nothing can be saved.
    pub(crate) disk_full: bool,
    /// What is not answered for now.
    pub(crate) hold: Option<fn(&Told) -> bool>,
    /// What was not, in its order.
    pub(crate) held: Vec<Told>,
}

pub(crate) struct Bench {
    pub(crate) modem: Arc<Simulator>,
    pub(crate) heard: Arc<Mutex<Heard>>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) state: watch::Receiver<State>,
    pub(crate) began: Instant,
    /// Where the modem's part of `/sys` and `/dev` is.
    pub(crate) home: TempDir,
    pub(crate) driver: JoinHandle<()>,
}

/// What differs from test to test.
pub(crate) struct Setup {
    pub(crate) profile: Profile,
    pub(crate) network: Network,
    pub(crate) recovery: shunt_recovery::Config,
    pub(crate) power: Power,
    pub(crate) usb: bool,
    pub(crate) apn: &'static str,
    /// Those of the SIMs behind the first.
    pub(crate) more_apns: Vec<&'static str>,
    /// Name and password.
    pub(crate) login: Option<(&'static str, &'static str)>,
    pub(crate) saved: Saved,
    pub(crate) speed: u32,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            profile: Profile::quick(),
            network: Network::default(),
            recovery: shunt_recovery::Config { watch: Duration::from_secs(5), ..Default::default() },
            power: Power::Asked,
            usb: true,
            apn: "internet",
            more_apns: Vec::new(),
            login: None,
            saved: Saved::default(),
            speed: SPEED,
        }
    }
}

impl Bench {
    pub(crate) fn new(setup: Setup) -> Self {
        let home = tempfile::Builder::new().prefix("shunt-driver-").tempdir().unwrap();
        let (sys, dev) = (home.path().join("sys"), home.path().join("dev"));
        let endpoints = vec![Endpoint::Pty(home.path().to_owned()); 2];
        let began = Instant::now();
        let (vendor, product) = setup.profile.usb;
        let modem = Arc::new(Simulator::start(setup.profile, setup.network, endpoints, None, 7).unwrap());
        let (user, password) = setup.login.unwrap_or_default();
        let context = |apn: &str| Context {
            cid: Cid(1),
            apn: apn.into(),
            pdp: PdpType::V4V6,
            auth: setup.login.map_or(Auth::None, |_| Auth::Chap),
            user: user.into(),
            password: password.into(),
        };
        let config = Config {
            selector: Selector::Id(DeviceId { vendor, product }),
            sysfs: Sysfs::at(&sys, &dev),
            baud: 115_200,
            context: context(setup.apn),
            more_contexts: setup.more_apns.into_iter().map(context).collect(),
            recovery: setup.recovery,
            power: setup.power,
            usb: setup.usb,
            messages: true,
            timing: TIMING,
            probing: Probing { timing: TIMING, answer: Duration::from_millis(200), ..Probing::default() },
            speed: setup.speed,
        };
        let (driver, Handle { orders, state, told }) = Driver::new(config, &setup.saved, 11);
        let heard = Arc::new(Mutex::new(Heard::default()));
        tokio::spawn(answer(told, modem.clone(), heard.clone()));
        let driver = tokio::spawn(driver.run());
        Self { modem, heard, orders, state, began, home, driver }
    }

    /// Waits until the state is as wanted.
    pub(crate) async fn until(&self, awaited: &str, wanted: impl FnMut(&State) -> bool) {
        let mut state = self.state.clone();
        let done =
            tokio::time::timeout(DEADLINE, state.wait_for(wanted)).await.is_ok_and(|seen| seen.is_ok());
        assert!(done, "failed to see {awaited}: {}", self.describe());
    }

    /// Waits until data was seen to flow, and the machine wants nothing but to watch.
    pub(crate) async fn verified(&self) {
        self.until("data that flows", |state| state.machine.stage == shunt_recovery::Stage::Verified).await;
    }

    pub(crate) async fn readiness(&self, wanted: Readiness) {
        self.until(&format!("{wanted:?}"), |state| state.machine.readiness == wanted).await;
    }

    /// Waits until the journal has what is `wanted`, from its `from`-th entry on.
    pub(crate) async fn told(
        &self,
        from: usize,
        awaited: &str,
        wanted: impl Fn(&Happening) -> bool,
    ) -> Entry {
        let deadline = Instant::now() + DEADLINE;
        let mut state = self.state.clone();
        loop {
            if let Some(entry) = self.journal().iter().skip(from).find(|entry| wanted(&entry.what)) {
                return entry.clone();
            }
            assert!(Instant::now() < deadline, "failed to see {awaited}: {}", self.describe());
            // Whatever is told comes with a change of the state, or soon after one.
            let _either = tokio::time::timeout(Duration::from_millis(20), state.changed()).await;
        }
    }

    /// Waits until this rung has helped, and tells how long it took in the machine's time.
    pub(crate) async fn helped(&self, from: usize, rung: Rung) -> Duration {
        let wanted = |what: &Happening| matches!(what, Happening::RungEnded { rung: ended, result: RungResult::Helped, .. } if *ended == rung);
        match self.told(from, &format!("{rung:?} help"), wanted).await.what {
            Happening::RungEnded { took, .. } => took,
            _ => unreachable!(),
        }
    }

    pub(crate) fn journal(&self) -> Vec<Entry> {
        self.heard.lock().unwrap().journal.clone()
    }

    /// Waits until something is told that is not answered for now, and gives it.
    pub(crate) async fn held(&self, awaited: &str) -> Told {
        let deadline = Instant::now() + DEADLINE;
        let mut state = self.state.clone();
        loop {
            if let Some(told) = self.heard.lock().unwrap().held.pop() {
                return told;
            }
            assert!(Instant::now() < deadline, "failed to see {awaited}: {}", self.describe());
            let _either = tokio::time::timeout(Duration::from_millis(20), state.changed()).await;
        }
    }

    pub(crate) async fn order(&self, order: Order) {
        self.orders.send(order).await.unwrap();
    }

    pub(crate) fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Modem, shunt_decision::Timestamp) -> T + Send + 'static,
    ) -> T {
        self.modem.act(act).unwrap()
    }

    fn describe(&self) -> String {
        let state = self.state.borrow().clone();
        let modem = self
            .act(|modem, _| format!("{:?} {:?} {:?}", modem.counts(), modem.faults(), modem.last_unknown()));
        let heard = self.heard.lock().unwrap();
        format!("{:#?}\n{state:#?}\n{modem}", heard.journal)
    }
}

/// The agent: it saves, sets the interface, probes, switches the rail, and keeps what it is told.
async fn answer(mut told: mpsc::Receiver<Told>, modem: Arc<Simulator>, heard: Arc<Mutex<Heard>>) {
    while let Some(told) = told.recv().await {
        let mut heard = heard.lock().unwrap();
        if heard.hold.is_some_and(|hold| hold(&told)) {
            heard.held.push(told);
            continue;
        }
        match told {
            Told::Journal(entry) => heard.journal.push(entry),
            Told::Save { saved, done } => {
                if !heard.disk_full {
                    heard.saved.push(saved);
                    done.give(());
                }
            }
            Told::Bearer { settings, done } => {
                heard.bearers.push(Some(settings));
                // Whoever asks the modem for DHCP gets what the bearer was given.
                let given = modem.act(|modem, _| modem.bearer().addresses).unwrap();
                if let Some(given) = given {
                    let v4 = given.v4.map(|(address, _)| address);
                    done.give(Addresses { v4, v6: given.v6.map(|(address, _)| address) });
                }
            }
            Told::NoBearer => heard.bearers.push(None),
            Told::Probe { flows } => flows.give(modem.act(|modem, _| modem.bearer().passes).unwrap()),
            Told::Power { on, done } => {
                modem.act(move |modem, now| modem.set_power(on, now)).unwrap();
                done.give(());
            }
            Told::Message { received, taken } => {
                if heard.refuse > 0 {
                    heard.refuse -= 1;
                } else {
                    heard.messages.push(received);
                    taken.give(());
                }
            }
        }
    }
}
