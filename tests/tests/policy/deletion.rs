//! The resources that outlive the stack: requests that were answered with success and are nowhere
//! else, and the secrets that open them.

use std::collections::BTreeSet;

use penstock_tests::template::{Template, target};

#[test]
fn a_deleted_stack_leaves_the_queues_that_hold_requests_and_the_secrets_that_open_them() {
    let template = Template::read();
    let mut kept = BTreeSet::new();
    for (_, function) in template.functions() {
        for (variable, value) in template.variables(function) {
            if variable.ends_with("SPILL_QUEUE_URL") {
                let queue = target(&value).to_owned();
                let dead = &template.resource(&queue)["RedrivePolicy"]["deadLetterTargetArn"];
                kept.insert(target(dead).to_owned());
                kept.insert(queue);
            } else if variable.ends_with("SPILL_SECRET_ARN") || variable == "API_KEY_SECRET_ARN" {
                kept.insert(target(&value).to_owned());
            }
        }
    }
    assert_eq!(kept.len(), 8, "{kept:?}");
    for name in &kept {
        let (deleted, replaced) = template.policies_of(name);
        assert!(
            matches!(deleted, Some("Retain" | "RetainExceptOnCreate"))
                && replaced == Some("Retain"),
            "{name}: {deleted:?} {replaced:?}"
        );
    }
}
