//! A first config: proposed from what the machine has, or from the config of mwan3, with the reason for each choice.
//!
//! `survey.rs` reads the machine, `propose.rs` decides, `uci.rs` and `mwan3.rs` read another program's config, `kept.rs`
//! a config of ours without links, and `draft.rs` is what comes out: a config with its reasons as comments.

mod draft;
mod kept;
mod mwan3;
mod propose;
mod survey;
mod uci;

pub(crate) use draft::Draft;
pub(crate) use kept::{Kept, Stays, is_untouched};
pub(crate) use mwan3::from_mwan3;
pub(crate) use propose::{NothingFound, propose};
pub(crate) use survey::Survey;
pub(crate) use uci::{UciError, sections as uci_sections};
