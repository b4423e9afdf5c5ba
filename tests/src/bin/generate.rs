//! `make generate`: writes the files that are generated from the code, and says which of them
//! were out of date.

use std::error::Error;

use penstock_tests::repository::root;

#[expect(clippy::print_stdout, reason = "a command says what it did")]
fn main() -> Result<(), Box<dyn Error>> {
    for file in penstock_tests::generated::generate()? {
        let name = file.path.strip_prefix(root()).unwrap_or(&file.path).display();
        if std::fs::read_to_string(&file.path).is_ok_and(|text| text == file.text) {
            println!("generate: {name} is up to date");
        } else {
            std::fs::write(&file.path, &file.text)?;
            println!("generate: {name} written, {} bytes", file.text.len());
        }
    }
    Ok(())
}
