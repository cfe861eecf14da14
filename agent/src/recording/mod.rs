//! The recording: every call into the decision core, so that any day of the field can be replayed on a desk.
//!
//! [`Recorded`] stands between the event loop and the core and hears everything that goes in and comes out. What it
//! heard is gathered in memory, in few bytes, and written by a thread ([`Disk`]) to a ring of segment files in the
//! state directory. Each segment begins with the whole state of the core, so that the ring replays from its oldest
//! segment. [`open`] reads a recording, however damaged; [`replay`] runs the core over it again.

mod disk;
pub(crate) mod fuzz;
mod looks;
mod plausible;
mod read;
mod record;
mod recorded;
mod recorder;
pub mod replay;
mod ring;
mod segment;
mod shape;
mod tally;
mod wire;

pub use disk::{Disk, Health, directory};
pub use read::{OpenError, Recording, Skipped, open};
pub use record::{Asked, Record, Timed};
pub use recorded::Recorded;
pub use recorder::About;
pub use segment::{Damage, Header, Segment, Unreadable};
pub use tally::Tally;
pub use wire::Malformed;
