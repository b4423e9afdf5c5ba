//! `make openapi`: writes the files that are generated from the contract.

#[expect(clippy::print_stdout, reason = "a command says what it did")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    for file in penstock_tests::contract::generate()? {
        std::fs::write(&file.path, &file.text)?;
        println!(
            "openapi: {}, {} bytes",
            file.path.file_name().unwrap_or_default().display(),
            file.text.len()
        );
    }
    Ok(())
}
