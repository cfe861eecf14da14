//! The kernel's side: what it says of the links, and the routes and rules that it is given.

mod binding;

pub use binding::Binding;
