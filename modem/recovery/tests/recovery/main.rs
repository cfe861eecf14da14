//! The machine with a modem that is a model: scenarios, what holds whatever happens, and manners.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod model;
#[cfg(test)]
mod world;

#[cfg(test)]
mod cards;
#[cfg(test)]
mod manners;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod sims;
