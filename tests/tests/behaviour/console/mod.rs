//! The console: pages that read and pages that act, for people with a session.

mod acting;
mod browser;
mod hostile;
mod html;
mod numbers;
mod pages;
mod parts;
mod payloads;
mod seeded;
mod visitors;
