//! The decisions of the operator's scripts.

use std::process::Command;

use penstock_tests::repository::root;

#[test]
fn make_deploy_says_what_the_account_is_missing() {
    let mut tests = Command::new("python3.11");
    tests.args(["-B", "-m", "unittest", "test_preflight"]).current_dir(root().join("infra"));
    let done = tests.output().expect("python3.11 runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(!said.contains("Ran 0 tests"), "{said}");
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let deploy = makefile.split("\ndeploy:").nth(1).unwrap();
    let order = ["${preflight[@]}", "${deploy[@]}", "${migrate[@]}"];
    let places = order.map(|step| deploy.find(step).unwrap_or_else(|| panic!("no {step}")));
    assert!(places.is_sorted(), "it is asked before anything is changed");
}
