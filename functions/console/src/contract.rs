//! The contract of `console`, for docs/openapi.json. Its replies are pages, so one description does
//! for all of them; what each shows stands in the table.

use penstock_edge::contract::{Contract, Describe, Mismatch, Operation};
use penstock_edge::http::{self, Method, Need, RouteInfo};
use serde_json::json;

use crate::Ports;

/// The routes of this function.
pub fn routes() -> impl Iterator<Item = RouteInfo> {
    http::routes::<Ports>()
}

/// Adds the routes of this function to the contract.
///
/// # Errors
/// [`Mismatch`] if the route table and the descriptions have different names.
pub fn describe(to: &mut Contract) -> Result<(), Mismatch> {
    let all: Vec<(&str, Describe)> =
        SUMMARIES.iter().map(|(name, _)| (*name, page as Describe)).collect();
    to.describe(routes(), &all)
}

const TAG: &str = "Console";

/// The routes by their names, and what their pages show or do.
const SUMMARIES: &[(&str, &str)] = &[
    ("consoleOverview", "Overview: health, what waits, what has failed, today's money"),
    ("consoleRevenue", "Revenue by day, week or month"),
    ("consoleRevenueCsv", "Revenue as CSV"),
    ("consoleRuns", "Runs, the newest first"),
    ("consoleRun", "One run, and the rows that it fetched"),
    ("consoleDeadLetters", "Dead letters by reason, and one by one"),
    ("consoleDeadLetter", "One dead letter with its history"),
    ("consoleQueues", "Pending rows by age, queues, and the next turn of relay"),
    ("consoleTransactions", "Transactions by state"),
    ("consoleTransaction", "The time line of one transaction"),
    ("consoleLeads", "Leads by words and filters"),
    ("consoleLeadsCsv", "Leads as CSV"),
    ("consoleLead", "One lead with its history"),
    ("consolePeople", "The events of one user"),
    ("consoleContacts", "Contacts"),
    ("consoleCalendar", "Entries of calendars"),
    ("consoleZone", "Choose the zone of all times"),
    ("consoleJobs", "Jobs, the newest first"),
    ("consoleJob", "One job: its count, its first rows, its progress"),
    ("consoleStartJob", "Start a planned job"),
    ("consolePauseJob", "Pause a job"),
    ("consoleResumeJob", "Resume a paused job"),
    ("consoleStopJob", "Stop a job"),
    ("consoleAskReplay", "Ask for a replay of dead letters"),
    ("consolePlanReplay", "Count the dead letters to replay, and plan a job"),
    ("consoleReveal", "Show the payload of a dead letter"),
    ("consoleAskRemap", "Ask for a remap"),
    ("consolePlanRemap", "Count the rows to read again, and plan a job"),
    ("consoleAskRun", "Ask for a run"),
    ("consoleStartRun", "Start a run"),
    ("consoleConnections", "Connections"),
    ("consoleAskPause", "Ask to pause a connection"),
    ("consolePause", "Pause a connection"),
    ("consoleAskResume", "Ask to resume a connection"),
    ("consoleResume", "Resume a connection"),
    ("consoleAskResumeTransaction", "Ask to resume a transaction"),
    ("consoleResumeTransaction", "Resume a transaction"),
    ("consoleAskNotify", "Ask to tell a client again"),
    ("consoleNotify", "Tell a client again"),
    ("consoleAskLead", "The form with status and assignee of a lead"),
    ("consoleEditLead", "Change status and assignee of a lead"),
    ("consoleRevealLead", "Show the body of a lead"),
    ("consoleAudit", "The audit log"),
    ("consoleAuditCsv", "The audit log as CSV"),
    ("consoleKeys", "API keys"),
    ("consoleMakeKey", "Make an API key, which is shown once"),
    ("consoleAskRevoke", "Ask to revoke a key"),
    ("consoleRevokeKey", "Revoke a key"),
    ("consoleAccounts", "Accounts"),
    ("consoleInvite", "Invite a person"),
    ("consoleAccountOf", "One account"),
    ("consoleSetRole", "Give an account another role"),
    ("consoleEndSessions", "Sign an account out everywhere"),
    ("consoleDisable", "Disable an account"),
    ("consoleEnable", "Enable an account"),
    ("consoleResetLink", "Make a link to set a new password"),
    ("consoleAccount", "The reader's own account and sessions"),
    ("consoleEndOthers", "End the reader's other sessions"),
    ("consoleEndSession", "End one of the reader's sessions"),
    ("getDocs", "This contract, to read and to try"),
    ("getApiDocs", "This contract, to read and to try"),
    ("getDocsFile", "A file of the page with this contract"),
    ("consoleSignIn", "The form to sign in"),
    ("consoleLink", "A link that works once, with its button"),
    ("consoleAsset", "A style sheet, a script or an icon"),
    ("consoleUnknown", "A path that no page has"),
];

/// Describes a route: a page, which a form of the console leads to if it takes POST.
fn page(route: Operation, _: &mut Contract) -> Operation {
    let info = route.route.clone();
    let summary = SUMMARIES.iter().find(|(name, _)| *name == info.name).map(|(_, it)| *it);
    let text = json!({ "schema": { "type": "string" } });
    let form = json!({ "type": "object", "additionalProperties": true });
    let tag = if info.name.starts_with("get") { "Contract" } else { TAG };
    let mut route = route.titled(tag, summary.unwrap_or_default());
    for name in info.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let about = format!("The {name} in the address.");
        route = route.path(name, &about, json!({ "type": "string" }));
    }
    let route = match info.method {
        Method::POST => {
            let media_type = "application/x-www-form-urlencoded";
            route
                .about(
                    "For the forms of the console. The request must come from a page of this origin: \
                     `Sec-Fetch-Site` must be `same-origin`, or else `Origin` our own.",
                )
                .body("The fields of the form.", &[(media_type, form, json!({}))])
                .reply_empty(303, "Done; the page to go on to is in `Location`.")
        }
        _ => route.about("A page for people. Without a session it leads to the page to sign in."),
    };
    let kind = match info.path.as_ref() {
        path if path.ends_with(".csv") => "text/csv",
        _ => "text/html",
    };
    let route = route.reply_as(200, "The page.", kind, &text);
    let route = match info.need {
        Need::Session(_) if info.method == Method::GET => {
            route.reply_empty(303, "Nobody is signed in; the page to sign in is in `Location`.")
        }
        _ => route,
    };
    route.problems(&[(404, "NotFound"), (503, "Unavailable")])
}
