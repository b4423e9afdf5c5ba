//! The payment status of a deal, by its stage.

use std::collections::BTreeMap;

use crate::payment::Status;

/// The key for every stage that is not listed.
pub(super) const OTHERS: &str = "*";

/// The status of a stage, from the first of these that has one: the deployment's map, the seed, the
/// map's `*`. Otherwise the deal is a sale under way.
///
/// The seed holds won and lost of HubSpot's own pipelines. Every deal is in some stage of some
/// pipeline, so an unmapped stage is expected, unlike an unknown status of a charge. It is no
/// revenue. With `*=unmapped`, `/metrics/unmapped-statuses` lists all such stages (trap 38).
pub(super) fn status(stage: Option<&str>, map: &BTreeMap<String, Status>) -> Status {
    let stage = stage.unwrap_or_default().trim();
    let mapped =
        || map.iter().find(|(key, _)| key.eq_ignore_ascii_case(stage)).map(|(_, status)| *status);
    let seed = || match stage.to_ascii_lowercase().as_str() {
        "closedwon" | "paid" | "completed" => Some(Status::Collected),
        "closedlost" => Some(Status::Failed),
        _ => None,
    };
    mapped().or_else(seed).or_else(|| map.get(OTHERS).copied()).unwrap_or(Status::Pending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_knows_won_and_lost_and_takes_every_other_stage_for_a_sale_under_way() {
        for (stage, expected) in [
            ("closedwon", Status::Collected),
            ("ClosedWon", Status::Collected),
            ("paid", Status::Collected),
            ("completed", Status::Collected),
            ("closedlost", Status::Failed),
            ("qualifiedtobuy", Status::Pending),
            ("48231230", Status::Pending),
        ] {
            assert_eq!(status(Some(stage), &BTreeMap::new()), expected, "{stage}");
        }
        assert_eq!(status(None, &BTreeMap::new()), Status::Pending);
    }

    #[test]
    fn trap_38_a_deployment_maps_its_own_stages_and_may_have_the_others_listed_as_unmapped() {
        let map = [
            ("48231230", Status::Collected),
            ("Paid", Status::Pending),
            (OTHERS, Status::Unmapped),
        ];
        let map = map.map(|(stage, status)| (stage.to_owned(), status)).into();
        assert_eq!(status(Some("48231230"), &map), Status::Collected);
        assert_eq!(status(Some("paid"), &map), Status::Pending);
        assert_eq!(
            status(Some("closedwon"), &map),
            Status::Collected,
            "the seed stands where the map says nothing"
        );
        assert_eq!(status(Some("nobody mapped this"), &map), Status::Unmapped);
    }
}
