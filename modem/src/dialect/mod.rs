//! Vendors' dialects as data: what to ask a modem, how its answers read, what its unsolicited lines mean, and which
//! commands carry out a step.
//!
//! Each vendor is one table in a file of its own, read by one reader. The tables decide nothing: they turn typed
//! questions and steps into commands, and lines into typed facts. What a table leaves out is that of 3GPP
//! (`generic.rs`), so whoever drives a modem never asks which vendor it is.

mod address;
mod ask;
mod cell;
mod fibocom;
mod field;
pub mod fuzz;
mod generic;
mod huawei;
mod layout;
mod quectel;
mod read;
mod registration;
mod scale;
mod sierra;
mod simcom;
mod table;
mod telit;
#[cfg(test)]
mod tests;
mod text;
mod ublox;
mod units;

pub use ask::{Ask, AskError, Auth, Cid, Context, Need, PdpType};
pub use cell::{Band, Cell, Cells, Rat, Role};
pub use read::{Operator, Reading, Told};
pub use units::{Plmn, TenthsOfCelsius};

use ask::{Line, Values};
use layout::Layout;
use shunt_recovery::facts::{Bearer, Identity, Slot};

/// Every dialect, the more special ones of a vendor before its common one, the generic one last.
static ALL: [&Dialect; 11] = [
    &quectel::QUECTEL,
    &simcom::SIM70X0,
    &simcom::SIMCOM,
    &sierra::SIERRA,
    &telit::TELIT,
    &ublox::UBLOX,
    &huawei::HUAWEI,
    &fibocom::XMM,
    &fibocom::FM350,
    &fibocom::FIBOCOM,
    &generic::GENERIC,
];

/// What can be asked of a modem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Query {
    /// `+CGMI`: the manufacturer's name.
    Manufacturer,
    /// `+CGMM`: the model.
    Model,
    /// `+CGMR`: the firmware.
    Revision,
    /// The modem's own number.
    Imei,
    /// The subscriber's number.
    Imsi,
    /// The card's number.
    Iccid,
    /// What the radio is set to.
    Radio,
    /// What the SIM wants.
    Sim,
    /// PIN tries left.
    Tries,
    /// The SIM slot in use.
    Slot,
    /// Registration in each domain.
    Registration,
    /// Whether the modem is attached to the packet domain.
    Attached,
    /// The network's name and code.
    Operator,
    /// The cells and how they are received.
    Cells,
    /// How warm it is.
    Temperature,
    /// Whether the context is up, and its addresses.
    Bearer,
    /// By which access point the context is up, or would come up.
    AccessPoint,
    /// What the host's interface is to be set to.
    Ip,
    /// Bytes sent and received.
    Usage,
}

impl Query {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Manufacturer,
        Self::Model,
        Self::Revision,
        Self::Imei,
        Self::Imsi,
        Self::Iccid,
        Self::Radio,
        Self::Sim,
        Self::Tries,
        Self::Slot,
        Self::Registration,
        Self::Attached,
        Self::Operator,
        Self::Cells,
        Self::Temperature,
        Self::Bearer,
        Self::AccessPoint,
        Self::Ip,
        Self::Usage,
    ];
}

/// What can be done with a modem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Switch on the reports and the error numbers that the reader understands. Nothing is stored.
    Watch,
    /// Radio on (`+CFUN=1`).
    RadioOn,
    /// Radio off, SIM on (`+CFUN=4`).
    RadioOff,
    /// Radio and SIM off (`+CFUN=0`).
    Minimum,
    /// Attach to the packet domain.
    Attach,
    /// Detach from it.
    Detach,
    /// Register with whatever network the SIM prefers.
    Register,
    /// Leave the network.
    Deregister,
    /// Define a context and its authentication.
    Define(&'a Context),
    /// Bring the context up in the given way.
    BearerUp(&'static Way, Cid),
    /// Bring it down.
    BearerDown(&'static Way, Cid),
    /// Give the PIN. Whoever calls this keeps the rule that no card is given a PIN again that it did not accept.
    Pin(&'a str),
    /// Use another SIM slot, by the modem's own number.
    Slot(Slot),
    /// Restart the modem: its ports go and come back.
    Reset,
    /// Switch the modem off in an orderly way, before its supply is cut: it says its farewell then, or its ports go. The standard
    /// has no such command; without one of the vendor's, [`Step::Minimum`] is as much as can be done.
    PowerOff,
}

/// The same without values: the key of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    RadioOn,
    RadioOff,
    Minimum,
    Attach,
    Detach,
    Register,
    Deregister,
    Define,
    Pin,
    Slot,
    Reset,
    PowerOff,
}

/// Where a bearer's packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Over the serial port that dialled, by PPP: the modem's `CONNECT` turns the port into data.
    Ppp,
    /// Over a network interface of the modem's.
    Interface,
}

/// How the host's interface learns its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// PPP's own negotiation.
    Ppp,
    /// The modem serves DHCP and router advertisements.
    Served,
    /// By [`Query::Ip`]; there is no DHCP.
    Told,
}

/// One way to bring a bearer up.
#[derive(Debug)]
pub struct Way {
    /// The command that it is known by.
    pub name: &'static str,
    /// Where the packets go.
    pub path: Path,
    /// How addresses are learned.
    pub addressing: Addressing,
    up: &'static [Line],
    down: &'static [Line],
    state: Question,
}

impl Way {
    /// The commands that ask whether the bearer is up in this way, and for its addresses.
    pub fn ask(&self, cid: Cid) -> impl Iterator<Item = Ask> + 'static {
        fill(self.state.lines, cid)
    }

    /// What the lines that came say of the bearer.
    #[must_use]
    pub fn read<L: AsRef<str>>(&self, cid: Cid, lines: &[L]) -> Option<Bearer> {
        let lines = lines.iter().map(AsRef::as_ref);
        match read::read(Query::Bearer, cid, self.state.layouts, lines)? {
            Reading::Bearer(bearer) => Some(bearer),
            _ => None,
        }
    }
}

/// The lines with their only blank filled. Every number fits it, and a test fills the blanks of all tables, so none is
/// left out here.
fn fill(lines: &'static [Line], cid: Cid) -> impl Iterator<Item = Ask> + 'static {
    let values = Values { cid: Some(cid), ..Values::default() };
    lines.iter().filter_map(move |line| line.fill(&values).ok()?)
}

/// The way that 27.007 gives every modem: the context by `+CGACT`, for an interface that follows it.
#[must_use]
pub fn context_way() -> &'static Way {
    &generic::CGACT_WAY
}

/// Ways are the same where their name is: each is one constant of a table.
impl PartialEq for Way {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Way {}

/// How a question is asked and its answer read.
#[derive(Debug, Clone, Copy)]
struct Question {
    about: Query,
    lines: &'static [Line],
    layouts: &'static [Layout],
}

/// How a step is carried out.
#[derive(Debug)]
struct Recipe {
    act: Act,
    lines: &'static [Line],
}

/// An unsolicited line.
#[derive(Debug)]
struct Urc {
    layout: Layout,
    means: read::Means,
}

/// By what a dialect is recognised.
#[derive(Debug)]
struct Signs {
    /// Words in the manufacturer's name, in lower case.
    makers: &'static [&'static str],
    /// How models begin, in lower case; empty for all of the maker's.
    models: &'static [&'static str],
    /// USB vendor ids, and products of theirs (empty for all).
    usb: &'static [(u16, &'static [u16])],
}

/// A dialect: one vendor's table, or one family of its models.
#[derive(Debug)]
pub struct Dialect {
    /// Its name, for the operator.
    pub name: &'static str,
    signs: Signs,
    questions: &'static [Question],
    recipes: &'static [Recipe],
    ways: &'static [&'static Way],
    urcs: &'static [Urc],
    /// Reports that are switched on besides those of 3GPP.
    reports: &'static [Line],
}

impl Dialect {
    /// The dialect of a modem by what it says of itself; by its USB ids where that says nothing (a modem that hangs
    /// does not answer, but is still on the bus).
    #[must_use]
    pub fn of(identity: &Identity, usb: Option<(u16, u16)>) -> &'static Self {
        let maker = identity.manufacturer.to_lowercase();
        let model = identity.model.to_lowercase();
        let by_name = ALL.iter().find(|dialect| dialect.signs.name(&maker, &model));
        let by_bus = || usb.and_then(|usb| ALL.iter().find(|dialect| dialect.signs.bus(usb)));
        by_name.or_else(by_bus).copied().unwrap_or(&generic::GENERIC)
    }

    /// The commands that ask `query`, in the order in which they are to be sent.
    pub fn ask(&self, query: Query, cid: Cid) -> impl Iterator<Item = Ask> + 'static {
        fill(self.question(query).map_or(&[], |question| question.lines), cid)
    }

    /// What the lines that came for `query` say; `None` where they do not answer. All lines of all its commands belong
    /// together. Where a command takes lines without prefix (`Class::MultiLine("")`), reports of others may be among
    /// them: they do no harm here, and [`Dialect::urc`] is to see these lines too.
    #[must_use]
    pub fn read<L: AsRef<str>>(&self, query: Query, cid: Cid, lines: &[L]) -> Option<Reading> {
        read::read(query, cid, self.question(query)?.layouts, lines.iter().map(AsRef::as_ref))
    }

    /// What an unsolicited line says, where it says something that matters.
    #[must_use]
    pub fn urc(&self, line: &str) -> Option<Told> {
        self.urcs.iter().chain(generic::GENERIC.urcs).find_map(|urc| read::told(&urc.layout, urc.means, line))
    }

    /// The commands that carry out `step`, in the order in which they are to be sent; none where the modem has no
    /// command for it.
    ///
    /// # Errors
    ///
    /// When a value cannot be written into a command.
    pub fn act(&self, step: Step<'_>) -> Result<Vec<Ask>, AskError> {
        let (lines, values) = self.lines_of(step);
        let lines = lines.iter().chain(self.more_of(step));
        lines.filter_map(|line| line.fill(&values).transpose()).collect()
    }

    /// The ways to bring a bearer up, the vendor's own before the generic ones. The first that works is the one.
    pub fn ways(&self) -> impl Iterator<Item = &'static Way> + '_ {
        let own = self.ways.iter().copied();
        own.chain(generic::GENERIC.ways.iter().copied().filter(|way| !self.ways.contains(way)))
    }

    fn question(&self, query: Query) -> Option<&'static Question> {
        let own = self.questions.iter().find(|question| question.about == query);
        own.or_else(|| generic::GENERIC.questions.iter().find(|question| question.about == query))
    }

    fn recipe(&self, act: Act) -> &'static [Line] {
        let own = self.recipes.iter().find(|recipe| recipe.act == act);
        let recipe = own.or_else(|| generic::GENERIC.recipes.iter().find(|recipe| recipe.act == act));
        recipe.map_or(&[], |recipe| recipe.lines)
    }

    /// What the vendor adds to a step instead of replacing it.
    fn more_of(&self, step: Step<'_>) -> &'static [Line] {
        if step == Step::Watch { self.reports } else { &[] }
    }

    fn lines_of<'a>(&self, step: Step<'a>) -> (&'static [Line], Values<'a>) {
        let none = Values::default();
        match step {
            Step::Watch => (generic::WATCH, none),
            Step::RadioOn => (self.recipe(Act::RadioOn), none),
            Step::RadioOff => (self.recipe(Act::RadioOff), none),
            Step::Minimum => (self.recipe(Act::Minimum), none),
            Step::Attach => (self.recipe(Act::Attach), none),
            Step::Detach => (self.recipe(Act::Detach), none),
            Step::Register => (self.recipe(Act::Register), none),
            Step::Deregister => (self.recipe(Act::Deregister), none),
            Step::Define(context) => (self.recipe(Act::Define), Values { context: Some(context), ..none }),
            Step::BearerUp(way, cid) => (way.up, Values { cid: Some(cid), ..none }),
            Step::BearerDown(way, cid) => (way.down, Values { cid: Some(cid), ..none }),
            Step::Pin(pin) => (self.recipe(Act::Pin), Values { pin: Some(pin), ..none }),
            Step::Slot(slot) => (self.recipe(Act::Slot), Values { slot: Some(slot), ..none }),
            Step::Reset => (self.recipe(Act::Reset), none),
            Step::PowerOff => (self.recipe(Act::PowerOff), none),
        }
    }
}

impl Signs {
    fn name(&self, maker: &str, model: &str) -> bool {
        let made = self.makers.iter().any(|word| maker.contains(word));
        made && (self.models.is_empty() || self.models.iter().any(|start| model.starts_with(start)))
    }

    fn bus(&self, (vendor, product): (u16, u16)) -> bool {
        self.usb
            .iter()
            .any(|(id, products)| *id == vendor && (products.is_empty() || products.contains(&product)))
    }
}
