//! Searches on the modified time: what to ask for, and where to go on.
//!
//! A search compares and sorts by HubSpot's index. That may be minutes behind the objects that a
//! page shows, and sorts ids as text or as numbers. So neither the order of a page nor the times on
//! it are trusted. Only the filters are: a part of the window is done when a reply shows all that
//! its filter matches (docs/adr/0030-pages-that-cannot-be-trusted.md).
//!
//! A page is only a hint of where to cut. The next search begins at the cut, and must match
//! as many objects as the page did not show. If it matches fewer, the part before the cut is read
//! by itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::list::List;
use crate::paging::{PageError, Position};

/// HubSpot answers 400 to a search past so many results.
const MOST_RESULTS: u64 = 10_000;

/// The page token of older releases: the id to go on after, within one stamp.
const WITHIN: &str = "id:";

/// The part of the window that a search asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The objects' modified times, or within one stamp their ids.
    dimension: Dimension,
    /// Inclusive.
    from: i64,
    /// Exclusive. `None`: to the end of the window, or to the last id.
    until: Option<i64>,
    owed: Option<Owed>,
    /// HubSpot's cursor behind pages that showed nothing.
    after: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    /// Times in milliseconds.
    Times,
    /// The ids of the objects with this modified time.
    Ids { stamp: i64 },
}

/// The debt of a cut: from it on, this many objects must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Owed {
    objects: i64,
    /// The beginning of the part before the cut.
    since: i64,
}

/// A [`Part`] as page token; the stamp, or the first time, is the position's `from`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Token {
    /// The first id, within one stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owed: Option<Owed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl Part {
    fn times(from: i64, until: Option<i64>) -> Self {
        Self { dimension: Dimension::Times, from, until, owed: None, after: None }
    }

    fn ids(stamp: i64) -> Self {
        Self { dimension: Dimension::Ids { stamp }, ..Self::times(0, None) }
    }

    /// Reads the part at `position`.
    pub(super) fn at(position: &Position) -> Self {
        let first = position.from.unwrap_or(Timestamp::UNIX_EPOCH).as_millisecond();
        let token = position.token.as_deref().unwrap_or_default();
        if let Some(id) = token.strip_prefix(WITHIN).and_then(|id| id.parse::<i64>().ok()) {
            return Self { from: id.saturating_add(1), ..Self::ids(first) };
        }
        let Token { id, until, owed, after } = serde_json::from_str(token).unwrap_or_default();
        let part = match id {
            Some(id) => Self { from: id, ..Self::ids(first) },
            None => Self::times(first, None),
        };
        Self { until, owed, after, ..part }
    }

    /// Writes the part as a position in the window up to `to`.
    fn position(self, to: Timestamp) -> Position {
        let Self { dimension, from, until, owed, after } = self;
        let (first, id) = match dimension {
            Dimension::Times => (from, None),
            Dimension::Ids { stamp } => (stamp, Some(from)),
        };
        let plain = id.is_none() && until.is_none() && owed.is_none() && after.is_none();
        let token = Token { id, until, owed, after };
        // Numbers and text: it cannot fail.
        let token = (!plain).then(|| serde_json::to_string(&token).unwrap_or_default());
        Position { from: Timestamp::from_millisecond(first).ok(), to, token }
    }

    /// Returns the body of the search. HubSpot takes one sort only.
    pub(super) fn search(
        &self,
        modified: &str,
        properties: &[&str],
        to: Timestamp,
        limit: u32,
    ) -> String {
        let filter = |property: &str, operator: &str, value: i64| json!({"propertyName": property, "operator": operator, "value": value.to_string()});
        let (filters, sort) = match self.dimension {
            Dimension::Times => {
                let until = self.until.unwrap_or_else(|| to.as_millisecond());
                let filters =
                    vec![filter(modified, "GTE", self.from), filter(modified, "LT", until)];
                (filters, modified)
            }
            Dimension::Ids { stamp } => {
                let stamps = [filter(modified, "GTE", stamp), filter(modified, "LTE", stamp)];
                let from = filter("hs_object_id", "GTE", self.from);
                let until = self.until.map(|until| filter("hs_object_id", "LT", until));
                (stamps.into_iter().chain([from]).chain(until).collect(), "hs_object_id")
            }
        };
        let mut search = json!({
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": properties,
            "limit": limit,
        });
        if let Some(after) = &self.after {
            search["after"] = json!(after);
        }
        search.to_string()
    }

    /// Returns the position after a page of this part; `None` if the window up to `to` is drained.
    ///
    /// # Errors
    /// [`PageError::Loop`] where the part cannot be cut any further, and still promises more.
    pub(super) fn next(
        self,
        list: &List<'_>,
        to: Timestamp,
        limit: u32,
    ) -> Result<Option<Position>, PageError> {
        let end = match self.dimension {
            Dimension::Times => to.as_millisecond(),
            Dimension::Ids { .. } => i64::MAX,
        };
        // A full page without a next one is the last, if `total` says so.
        let shown = i64::try_from(list.results.len()).unwrap_or(i64::MAX);
        let full = shown >= limit.into() && list.total.is_none_or(|total| total > shown);
        let next = if let Some(owed) = self.unpaid(list) {
            Some(Self { from: owed.since, until: Some(self.from), owed: None, after: None, ..self })
        } else if !full && list.after.is_none() {
            self.done(list, end)
        } else if let Some(after) = self.over_nothing(list, limit)? {
            Some(Self { after: Some(after), owed: None, ..self })
        } else {
            Some(self.cut(list, end)?)
        };
        Ok(next.filter(|part| !part.is_behind(to)).map(|part| part.position(to)))
    }

    /// The debt of the cut before, if fewer objects match than it left.
    fn unpaid(&self, list: &List<'_>) -> Option<Owed> {
        self.owed.filter(|owed| list.total.is_none_or(|total| total < owed.objects))
    }

    /// Returns the part after this one, of which everything is shown: the rest of the window. If
    /// the objects carry other times than the index has, the rest would be cut blindly again. Then
    /// the next part is twice as wide as this one.
    fn done(self, list: &List<'_>, end: i64) -> Option<Self> {
        let Some(until) = self.until.filter(|until| *until < end) else {
            return match self.dimension {
                Dimension::Times => None,
                Dimension::Ids { stamp } => Some(Self::times(stamp.saturating_add(1), None)),
            };
        };
        let shown = self.shown(list);
        let is_blind = !shown.is_empty() && shown.iter().all(|value| *value >= until);
        let next = until.saturating_add(until.saturating_sub(self.from).saturating_mul(2));
        let next = Some(next).filter(|next| is_blind && *next < end);
        Some(Self { from: until, until: next, owed: None, after: None, ..self })
    }

    fn is_behind(&self, to: Timestamp) -> bool {
        self.dimension == Dimension::Times && self.from >= to.as_millisecond()
    }

    /// The cursor to go on from where the page shows nothing and promises more; `None` past
    /// HubSpot's limit, where only smaller parts help.
    fn over_nothing(&self, list: &List<'_>, limit: u32) -> Result<Option<String>, PageError> {
        let Some(after) = list.after.as_ref().filter(|_| list.results.is_empty()) else {
            return Ok(None);
        };
        if self.after.as_ref() == Some(after) {
            return Err(PageError::Loop("the page ends where it began"));
        }
        let past = |after: u64| after.saturating_add(limit.into()) > MOST_RESULTS;
        Ok(if after.parse().is_ok_and(past) { None } else { Some(after.clone()) })
    }

    /// Cuts a part that holds more than one page shows.
    fn cut(self, list: &List<'_>, end: i64) -> Result<Self, PageError> {
        let (from, until) = (self.from, self.until.unwrap_or(end).min(end));
        let narrow = until.saturating_sub(from) <= 1;
        let shown = self.shown(list);
        match self.dimension {
            Dimension::Times if narrow => return Ok(Self::ids(from)),
            // The whole page is of one stamp, and so are more.
            Dimension::Times if !shown.is_empty() && shown.iter().all(|at| *at == from) => {
                return Ok(Self::ids(from));
            }
            Dimension::Ids { .. } if narrow => {
                return Err(PageError::Loop("a search for one object promises more"));
            }
            Dimension::Times | Dimension::Ids { .. } => {}
        }
        // Of the objects with the last time, some may be missing. No id is there twice.
        let past = i64::from(matches!(self.dimension, Dimension::Ids { .. }));
        let mut cuts: Vec<i64> = shown.iter().map(|value| value.saturating_add(past)).collect();
        cuts.retain(|cut| *cut > from && *cut < until);
        let whole = self.until.is_none() && self.after.is_none();
        if let (Some(&cut), Some(total), true) = (cuts.last(), list.total, whole) {
            let before = shown.iter().filter(|value| **value < cut).count();
            let before = i64::try_from(before).unwrap_or(i64::MAX);
            let owed = Owed { objects: total.saturating_sub(before), since: from };
            return Ok(Self { from: cut, owed: Some(owed), ..self });
        }
        // Without a total to check, or within a part that is checked: half of what is shown, or of
        // the part.
        cuts.sort_unstable();
        let halfway = from + (until - from) / 2;
        let cut = cuts.get(cuts.len() / 2).copied().unwrap_or(halfway);
        Ok(Self { until: Some(cut), owed: None, after: None, ..self })
    }

    /// Returns the time or id of each object on the page, in the page's order.
    fn shown(&self, list: &List<'_>) -> Vec<i64> {
        let objects = list.objects();
        match self.dimension {
            Dimension::Times => {
                objects.filter_map(|o| Some(o.modified_at()?.as_millisecond())).collect()
            }
            Dimension::Ids { .. } => objects.filter_map(|o| o.id()?.parse().ok()).collect(),
        }
    }
}
