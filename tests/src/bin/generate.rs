//! `make generate`: writes the files that are generated from the code, and prints which of them
//! were out of date.

use std::process::ExitCode;

use penstock_tests::generated::generate;
use penstock_tests::repository::root;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command says what it did")]
fn main() -> ExitCode {
    let files = match generate() {
        Ok(files) => files,
        Err(error) => {
            eprintln!("generate: {error}");
            return ExitCode::FAILURE;
        }
    };
    for file in files {
        let name = file.path.strip_prefix(root()).unwrap_or(&file.path).display();
        if std::fs::read_to_string(&file.path).is_ok_and(|text| text == file.text) {
            println!("generate: {name} is up to date");
        } else if let Err(error) = std::fs::write(&file.path, &file.text) {
            eprintln!("generate: {name}: {error}");
            return ExitCode::FAILURE;
        } else {
            println!("generate: {name} written, {} bytes", file.text.len());
        }
    }
    ExitCode::SUCCESS
}
