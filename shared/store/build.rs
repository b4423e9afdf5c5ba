//! A migration added is a reason to build again: the macro that embeds them sees edits only.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
