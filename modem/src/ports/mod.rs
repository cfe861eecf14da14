//! Which ports a modem has, and which it has when it comes back: names like `ttyUSB2` are given anew each time.
//!
//! `sysfs.rs` reads the devices that have ports, `selector.rs` says which of them is meant, `probe.rs` asks a port whether
//! it takes commands, and `finder.rs` puts these together and remembers.

mod finder;
mod probe;
mod selector;
mod sysfs;

pub use finder::{FindError, Finder, Found};
pub use probe::{Probed, Probing, probe};
pub use selector::{DeviceId, Imei, ParseError, Selector};
pub use sysfs::{Bus, Device, DevicePort, Place, Sysfs};
