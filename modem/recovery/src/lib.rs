//! A cellular modem, brought up, watched and brought back.
//!
//! A plain synchronous state machine beside the decision core: typed facts and the time go in, actions come
//! out. It never sees AT text, and owns no port, clock, task or file; the dialects of `shunt-modem` turn what
//! a modem says into [`facts`].

#![forbid(unsafe_code)]

pub mod facts;
