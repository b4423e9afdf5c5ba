//! `events.list`: parameters, pages, sync tokens.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::state::Calendar;

/// The parameters that Google's reference forbids together with a sync token.
const EXCLUDED: [&str; 8] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
];

/// The parameters that must be the same in all requests of a chain of tokens.
const FIXED: [&str; 2] = ["singleEvents", "showDeleted"];

/// The lists that are being paged through, and the valid tokens.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// By page token: the rest of its list.
    pages: HashMap<String, Left>,
    /// By sync token: the last change that its holder has seen, and the parameters of the list.
    tokens: HashMap<String, (u64, Vec<Option<String>>)>,
    made: u64,
}

#[derive(Debug, Clone)]
struct Left {
    ids: Vec<String>,
    /// The number of changes when the list began.
    begun: u64,
    fixed: Vec<Option<String>>,
    sync: Option<String>,
}

impl Lists {
    /// Expires all sync tokens so far.
    pub(super) fn expire_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Expires all page tokens so far.
    pub(super) fn expire_pages(&mut self) {
        self.pages.clear();
    }

    fn token(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}{:x}==", self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Answers one request of `events.list`.
    pub(super) fn answer(
        &mut self,
        calendar: &Calendar,
        query: &[(String, String)],
        empty_page: bool,
    ) -> Result<Value, Refusal> {
        let get =
            |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let known = |key: &str| {
            ["maxResults", "pageToken", "syncToken"].contains(&key) || FIXED.contains(&key)
        };
        let fixed: Vec<_> = FIXED.iter().map(|name| get(name)).collect();
        let sync = get("syncToken");
        if sync.is_some() {
            if let Some(excluded) = query.iter().find(|(key, _)| EXCLUDED.contains(&key.as_str())) {
                let message = format!("Cannot specify sync token together with {}.", excluded.0);
                return Err(Refusal::bad(&excluded.0, &message));
            }
            if get("showDeleted").as_deref() == Some("false") {
                return Err(Refusal::bad(
                    "showDeleted",
                    "Cannot set showDeleted to false with a sync token.",
                ));
            }
        }
        if let Some((key, _)) = query.iter().find(|(key, _)| !known(key)) {
            return Err(Refusal::bad(key, "The simulator does not know this parameter."));
        }
        // The calendar keeps no series, only their instances.
        if get("singleEvents").as_deref() != Some("true") {
            return Err(Refusal::bad("singleEvents", "The simulator expands series only."));
        }
        let size: usize = get("maxResults").map_or(Ok(250), |n| n.parse()).unwrap_or(0);
        if size == 0 {
            return Err(Refusal::bad("maxResults", "Invalid value for maxResults."));
        }
        let left = self.begin_or_go_on(calendar, sync, get("pageToken"), fixed)?;
        Ok(self.show(calendar, left, if empty_page { 0 } else { size.min(2_500) }))
    }

    fn begin_or_go_on(
        &self,
        calendar: &Calendar,
        sync: Option<String>,
        page: Option<String>,
        fixed: Vec<Option<String>>,
    ) -> Result<Left, Refusal> {
        let since = match &sync {
            None => 0,
            Some(token) => {
                let (since, given_with) =
                    self.tokens.get(token).ok_or_else(Refusal::full_sync_required)?;
                if *given_with != fixed {
                    return Err(Refusal::bad(
                        "syncToken",
                        "The parameters differ from those of the sync token.",
                    ));
                }
                *since
            }
        };
        let Some(page) = page else {
            let deleted = sync.is_some() || fixed[1].as_deref() == Some("true");
            let listed = calendar.listed();
            return Ok(Left {
                ids: listed.ids(since, deleted),
                begun: listed.changes,
                fixed,
                sync,
            });
        };
        // Google's guide demands the exact query of the first page.
        let left = self.pages.get(&page).filter(|left| left.sync == sync && left.fixed == fixed);
        left.cloned().ok_or_else(|| Refusal::bad("pageToken", "Invalid page token value."))
    }

    /// Shows events as they are when the page is read. An event that changes during the list is in
    /// the next list as well.
    fn show(&mut self, calendar: &Calendar, mut left: Left, size: usize) -> Value {
        let rest = left.ids.split_off(size.min(left.ids.len()));
        let listed = calendar.listed();
        let items: Vec<Value> = left.ids.iter().filter_map(|id| listed.render(id)).collect();
        let mut body = json!({
            "kind": "calendar#events",
            "etag": "\"p33c\"",
            "summary": "Team",
            "updated": format!("{:.3}", listed.updated),
            "timeZone": "Europe/Zurich",
            "accessRole": "reader",
            "defaultReminders": [],
            "items": items,
        });
        if rest.is_empty() && size > 0 {
            let token = self.token("CPDA");
            self.tokens.insert(token.clone(), (left.begun, left.fixed));
            body["nextSyncToken"] = json!(token);
        } else {
            let token = self.token("Ek8K");
            self.pages.insert(token.clone(), Left { ids: rest, ..left });
            body["nextPageToken"] = json!(token);
        }
        body
    }
}
