//! Every source reads a vendor's refusal by the same rules.

use penstock_domain::fetch_request::Mode;
use penstock_domain::paging::ErrorClass;
use penstock_domain::source::SOURCES;

#[test]
fn trap_13_a_404_that_is_not_the_vendors_own_is_no_reason_for_a_tombstone() {
    for source in SOURCES {
        for body in ["<html><h1>404 Not Found</h1></html>", ""] {
            let verdict = source.error_class(Mode::Refetch, 404, body.as_bytes());
            assert_ne!(verdict, Some(ErrorClass::Gone), "{}: {body}", source.name());
        }
    }
}
