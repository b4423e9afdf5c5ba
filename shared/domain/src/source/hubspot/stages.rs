//! What a deal's stage means for the money.

use std::collections::BTreeMap;

use crate::payment::Status;

/// The key that stands for every stage of which nothing else is known.
pub(super) const OTHERS: &str = "*";

/// A deal's stage, and what HubSpot says of it whatever the pipeline.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stage<'a> {
    /// `dealstage`: a word in HubSpot's own pipeline, a number in a custom one.
    pub id: Option<&'a str>,
    /// `hs_is_closed`.
    pub closed: Option<bool>,
    /// `hs_is_closed_won`.
    pub won: Option<bool>,
}

/// Returns the status of a stage. The deployment's map is the last word, then HubSpot's flags, then
/// the names of its own pipeline, then what the map says of `*`.
///
/// A stage that none of them knows is unmapped, and listed in `/metrics/unmapped-statuses` (trap
/// 38).
pub(super) fn status(stage: Stage<'_>, map: &BTreeMap<String, Status>) -> Status {
    let id = stage.id.unwrap_or_default().trim();
    let mapped = map.iter().find(|(key, _)| *key != OTHERS && key.eq_ignore_ascii_case(id));
    mapped
        .map(|(_, status)| *status)
        .or_else(|| stage.by_flags())
        .or_else(|| by_name(id).filter(|status| !stage.denies(*status)))
        .or_else(|| map.get(OTHERS).copied())
        .unwrap_or(Status::Unmapped)
}

impl Stage<'_> {
    /// The status by the flags; `None` if they are missing, incomplete, or contradict each other.
    fn by_flags(self) -> Option<Status> {
        match (self.closed, self.won) {
            (Some(false), Some(true)) => None,
            (_, Some(true)) => Some(Status::Collected),
            (Some(true), Some(false)) => Some(Status::Failed),
            (Some(false), _) => Some(Status::Pending),
            (_, None) | (None, _) => None,
        }
    }

    /// Whether a flag says that the deal cannot have the status: a closed deal is not under way.
    fn denies(self, status: Status) -> bool {
        let (closed, won) = (status != Status::Pending, status == Status::Collected);
        self.closed.is_some_and(|says| says != closed) || self.won.is_some_and(|says| says != won)
    }
}

/// The stages of the pipeline that every portal begins with, and two words for paid.
fn by_name(stage: &str) -> Option<Status> {
    Some(match stage.to_ascii_lowercase().as_str() {
        "closedwon" | "paid" | "completed" => Status::Collected,
        "closedlost" => Status::Failed,
        "appointmentscheduled"
        | "qualifiedtobuy"
        | "presentationscheduled"
        | "decisionmakerboughtin"
        | "contractsent" => Status::Pending,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &str, closed: Option<bool>, won: Option<bool>) -> Status {
        status(Stage { id: Some(id), closed, won }, &BTreeMap::new())
    }

    #[test]
    fn the_names_of_hubspots_own_pipeline_are_known_and_no_others() {
        for (stage, expected) in [
            ("closedwon", Status::Collected),
            ("ClosedWon", Status::Collected),
            ("paid", Status::Collected),
            ("completed", Status::Collected),
            ("closedlost", Status::Failed),
            ("qualifiedtobuy", Status::Pending),
            ("contractsent", Status::Pending),
            ("48231230", Status::Unmapped),
            ("", Status::Unmapped),
        ] {
            assert_eq!(of(stage, None, None), expected, "{stage}");
        }
        assert_eq!(status(Stage::default(), &BTreeMap::new()), Status::Unmapped);
    }

    #[test]
    fn the_flags_decide_in_any_pipeline_and_before_the_names() {
        let (yes, no) = (Some(true), Some(false));
        for (stage, closed, won, expected) in [
            ("48231230", yes, yes, Status::Collected),
            ("48231230", yes, no, Status::Failed),
            ("48231230", no, no, Status::Pending),
            ("48231230", None, yes, Status::Collected),
            ("48231230", no, None, Status::Pending),
            ("closedwon", yes, no, Status::Failed),
            ("qualifiedtobuy", yes, yes, Status::Collected),
        ] {
            assert_eq!(of(stage, closed, won), expected, "{stage} {closed:?} {won:?}");
        }
    }

    #[test]
    fn a_closed_deal_that_is_not_known_to_be_won_is_never_pending() {
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(of("qualifiedtobuy", yes, None), Status::Unmapped);
        assert_eq!(of("48231230", yes, None), Status::Unmapped);
        assert_eq!(of("48231230", no, yes), Status::Unmapped, "the flags contradict each other");
        assert_eq!(of("closedwon", None, no), Status::Unmapped, "name and flag contradict");
        assert_eq!(of("closedwon", yes, None), Status::Collected);
    }

    #[test]
    fn trap_38_the_configured_map_is_the_last_word_and_a_star_stands_for_what_is_not_known() {
        let map = [
            ("48231230", Status::Collected),
            ("Paid", Status::Pending),
            (OTHERS, Status::Canceled),
        ];
        let map = map.map(|(stage, status)| (stage.to_owned(), status)).into();
        let status = |id, closed, won| status(Stage { id: Some(id), closed, won }, &map);
        assert_eq!(status("48231230", Some(true), Some(false)), Status::Collected);
        assert_eq!(status("paid", Some(true), Some(true)), Status::Pending);
        assert_eq!(
            status("77", Some(true), Some(true)),
            Status::Collected,
            "flags before the star"
        );
        assert_eq!(status("closedwon", None, None), Status::Collected, "a name before the star");
        assert_eq!(status("nobody mapped this", None, None), Status::Canceled);
        assert_eq!(status("*", None, None), Status::Canceled, "no stage is called by the key");
    }
}
