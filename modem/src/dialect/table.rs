//! What a vendor's table is written with: one line brings it in.

pub(super) use super::ask::Line;
pub(super) use super::cell::Rat;
pub(super) use super::field::Field::{self, *};
pub(super) use super::field::{Record, UP};
pub(super) use super::layout::{Given, Layout};
pub(super) use super::read::Means;
pub(super) use super::scale::*;
pub(super) use super::text::Base::{self, Dec, Hex};
pub(super) use super::text::Fields;
pub(super) use super::{Act, Addressing, Dialect, Path, Query, Question, Recipe, Signs, Urc, Way};
