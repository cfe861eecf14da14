//! The driver of one modem: carries out what [`shunt_recovery::Recovery`] wants, by sessions, dialects and ports, and
//! tells it what came of it.
//!
//! One task owns the machine and the ports. It decides nothing about the modem; the machine does. It never blocks the
//! runtime: what the kernel may take its time for (sysfs, GPIO) is done aside.

pub mod api;
