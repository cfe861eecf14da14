//! The cells that a modem is served by, put together from the answers to several commands.

use super::units::Plmn;
use shunt_recovery::facts::{AccessTechnology, Dbm, Signal, TenthsOfDb};

/// Cells that are kept. Five carriers of LTE and some of NR are aggregated at most.
const MAX_CELLS: usize = 16;

/// What a cell is to the modem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// The one the modem is registered on, which carries signalling.
    #[default]
    Primary,
    /// One that carries data besides: an aggregated carrier, or NR next to LTE (EN-DC).
    Secondary,
}

/// What kind of radio a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rat {
    /// 2G.
    Gsm,
    /// 3G.
    Umts,
    /// 4G, its narrow-band forms included.
    Lte,
    /// 5G.
    Nr,
}

/// A frequency band, by its number in the RAT's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Band(pub u16);

/// A cell and how it is received. Whatever the modem does not tell, or tells out of range, is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// What it is to the modem.
    pub role: Role,
    /// Its radio access technology.
    pub rat: Option<Rat>,
    /// Its network.
    pub plmn: Option<Plmn>,
    /// Its identity in the network: 28 bits for LTE, 36 for NR.
    pub id: Option<u64>,
    /// Its tracking area (LTE, NR) or location area.
    pub area: Option<u32>,
    /// Its physical identity: 0–503 (LTE), 0–1007 (NR); for UMTS the scrambling code.
    pub pci: Option<u16>,
    /// Its downlink channel number: EARFCN, NR-ARFCN, UARFCN or ARFCN.
    pub channel: Option<u32>,
    /// Its band.
    pub band: Option<Band>,
    /// Received power over the whole channel.
    pub rssi: Option<Dbm>,
    /// Received power of the reference signal (UMTS: of the pilot).
    pub rsrp: Option<Dbm>,
    /// Received quality of the reference signal (UMTS: Ec/Io).
    pub rsrq: Option<TenthsOfDb>,
    /// Signal against noise and interference.
    pub sinr: Option<TenthsOfDb>,
}

/// The cells that a modem is served by: the primary one first, then those that carry data besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cells(pub Vec<Cell>);

impl Cells {
    /// The cell that the modem is registered on.
    #[must_use]
    pub fn primary(&self) -> Option<&Cell> {
        self.0.first()
    }

    /// How the primary cell is received.
    #[must_use]
    pub fn signal(&self) -> Signal {
        self.primary().map_or_else(Signal::default, |cell| Signal {
            rssi: cell.rssi,
            rsrp: cell.rsrp,
            rsrq: cell.rsrq,
            sinr: cell.sinr,
        })
    }

    /// By which technology the modem is served: LTE with NR besides is one of its own.
    #[must_use]
    pub fn technology(&self) -> Option<AccessTechnology> {
        let with_nr = self.0.iter().any(|cell| cell.rat == Some(Rat::Nr));
        Some(match self.primary()?.rat? {
            Rat::Gsm => AccessTechnology::Gsm,
            Rat::Umts => AccessTechnology::Umts,
            Rat::Lte if with_nr => AccessTechnology::LteNr,
            Rat::Lte => AccessTechnology::Lte,
            Rat::Nr => AccessTechnology::Nr,
        })
    }

    /// Adds what one line told. What an earlier line told stands: commands are asked from the one that knows most.
    pub(super) fn add(&mut self, cell: Cell) {
        if !cell.tells_something() {
            return;
        }
        if let Some(same) = self.0.iter_mut().find(|known| known.may_be(&cell)) {
            same.merge(cell);
            return;
        }
        let second_primary =
            cell.role == Role::Primary && self.0.iter().any(|known| known.role == Role::Primary);
        if self.0.len() < MAX_CELLS && !second_primary {
            self.0.push(cell);
        }
    }

    /// The cells in their order, if there are any.
    pub(super) fn finish(mut self) -> Option<Self> {
        self.0.sort_by_key(|cell| cell.role == Role::Secondary);
        // `+CSQ` names no RAT. Where only NR was told besides, it is about that.
        if self.0.len() > 1 && self.0.first().is_some_and(|cell| cell.rat.is_none()) {
            let nameless = self.0.remove(0);
            self.0.first_mut()?.merge(nameless);
        }
        // Where only carriers "besides" were told, as for NR alone, the first of them is the one.
        self.0.first_mut()?.role = Role::Primary;
        Some(self)
    }
}

impl Cell {
    /// Whether it says more than its role and its RAT.
    fn tells_something(&self) -> bool {
        let nothing = Self { role: self.role, rat: self.rat, ..Self::default() };
        *self != nothing
    }

    /// Whether both can be the same cell: nothing that tells cells apart differs.
    fn may_be(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        let alike = agree(&self.rat, &other.rat)
            && agree(&self.pci, &other.pci)
            && agree(&self.channel, &other.channel)
            && agree(&self.id, &other.id);
        // A carrier and the primary cell are one only where something says so: both know their channel, or the
        // line was about the RAT and not about a carrier.
        let told = self.channel.is_some() && other.channel.is_some();
        alike && (self.role == other.role || told || (self.rat == other.rat && other.channel.is_none()))
    }

    fn merge(&mut self, other: Self) {
        self.rat = self.rat.or(other.rat);
        self.plmn = self.plmn.or(other.plmn);
        self.id = self.id.or(other.id);
        self.area = self.area.or(other.area);
        self.pci = self.pci.or(other.pci);
        self.channel = self.channel.or(other.channel);
        self.band = self.band.or(other.band);
        self.rssi = self.rssi.or(other.rssi);
        self.rsrp = self.rsrp.or(other.rsrp);
        self.rsrq = self.rsrq.or(other.rsrq);
        self.sinr = self.sinr.or(other.sinr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(role: Role, rat: Option<Rat>, channel: Option<u32>) -> Cell {
        Cell { role, rat, channel, rsrp: Some(Dbm(-90)), ..Cell::default() }
    }

    #[test]
    fn lines_about_one_cell_become_one_and_the_first_word_stands() {
        let mut cells = Cells::default();
        cells.add(cell(Role::Primary, Some(Rat::Lte), Some(1300)));
        cells.add(Cell { rssi: Some(Dbm(-61)), ..Cell::default() });
        cells.add(Cell { rsrp: Some(Dbm(-1)), rat: Some(Rat::Lte), ..Cell::default() });
        cells.add(cell(Role::Secondary, Some(Rat::Lte), Some(1300)));
        let cells = cells.finish().unwrap();
        let [one] = cells.0.as_slice() else { panic!("{cells:?}") };
        assert_eq!((one.rssi, one.rsrp), (Some(Dbm(-61)), Some(Dbm(-90))));
    }

    #[test]
    fn carriers_stay_apart_and_the_primary_comes_first() {
        let mut cells = Cells::default();
        cells.add(cell(Role::Secondary, Some(Rat::Nr), Some(648_768)));
        cells.add(cell(Role::Secondary, Some(Rat::Lte), Some(1850)));
        cells.add(cell(Role::Primary, Some(Rat::Lte), Some(1300)));
        // About NR, without saying which carrier.
        cells.add(Cell {
            role: Role::Secondary,
            rat: Some(Rat::Nr),
            sinr: Some(TenthsOfDb(75)),
            ..Cell::default()
        });
        let cells = cells.finish().unwrap();
        let channels: Vec<_> = cells.0.iter().filter_map(|cell| cell.channel).collect();
        assert_eq!(channels, [1300, 648_768, 1850]);
        assert_eq!(cells.0[1].sinr, Some(TenthsOfDb(75)));
    }

    #[test]
    fn nothing_told_is_no_signal() {
        let mut cells = Cells::default();
        cells.add(Cell { rat: Some(Rat::Lte), ..Cell::default() });
        assert_eq!(cells.finish(), None);
    }

    #[test]
    fn a_carrier_alone_is_the_primary() {
        let mut cells = Cells::default();
        cells.add(cell(Role::Secondary, Some(Rat::Nr), None));
        assert_eq!(cells.finish().unwrap().0[0].role, Role::Primary);
    }

    #[test]
    fn cells_are_bounded() {
        let mut cells = Cells::default();
        for channel in 0..100 {
            cells.add(cell(Role::Secondary, Some(Rat::Lte), Some(channel)));
        }
        assert_eq!(cells.0.len(), MAX_CELLS);
    }
}
