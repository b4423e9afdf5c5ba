//! Pages that read. None of them changes anything, whoever asks.

pub(crate) mod calendar;
pub(crate) mod contacts;
pub(crate) mod dead_letters;
pub(crate) mod leads;
pub(crate) mod overview;
pub(crate) mod people;
pub(crate) mod queues;
pub(crate) mod revenue;
pub(crate) mod runs;
pub(crate) mod transactions;
