//! Generated files are committed as `make generate` would write them now.

use penstock_tests::generated::generate;
use penstock_tests::repository::root;

#[test]
fn the_committed_files_are_what_make_generate_would_write() {
    let files = generate().unwrap_or_else(|error| panic!("{error}"));
    for file in files {
        let name = file.path.strip_prefix(root()).unwrap().display();
        let kept = std::fs::read_to_string(&file.path).unwrap();
        assert!(kept == file.text, "{name} is out of date: run `make generate`");
    }
}
