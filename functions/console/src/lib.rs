//! `console`: the pages of operators and managers, for people with a session.
//!
//! Pages are rendered here, and everything works without the script. A page that reads never
//! changes anything, and no part of it waits longer than two seconds
//! (docs/adr/0065-the-console.md).

mod acting;
mod addresses;
mod answering;
mod assets;
mod chart;
mod config;
#[cfg(feature = "contract")]
pub mod contract;
mod csv;
mod filters;
mod headers;
mod page;
mod panel;
mod payload;
mod ports;
mod query;
mod reading;
mod refusal;
mod signing_in;
mod visitor;

use jiff::Timestamp;
use penstock_domain::account::Role::{Admin, Operator, Viewer};
use penstock_edge::http::Need::{Nothing, Session};
use penstock_edge::http::{Call, Failure, Reply, Request, RequestId, Route, Service};

use answering::{Open, Page};
pub use config::ConsoleConfig;
pub use ports::{Messages, Now, Ports, Telling};
use reading::{
    calendar, contacts, dead_letters, leads, overview, people, queues, revenue, runs, transactions,
};
pub use visitor::Visitor;

/// The name of the function, for its log and its metrics.
pub const NAME: &str = "console";

impl Service for Ports {
    type Caller = Visitor;

    const NAME: &'static str = NAME;

    #[rustfmt::skip]
    const ROUTES: &'static [Route<Self>] = &[
        Route::get("consoleOverview",        "/console",                       Session(Viewer), &Page(overview::page)).with_query(),
        Route::get("consoleRevenue",         "/console/revenue",               Session(Viewer), &Page(revenue::page)).with_query(),
        Route::get("consoleRevenueCsv",      "/console/revenue.csv",           Session(Viewer), &Page(revenue::csv)).with_query(),
        Route::get("consoleRuns",            "/console/runs",                  Session(Viewer), &Page(runs::page)).with_query(),
        Route::get("consoleRun",             "/console/runs/{id}",             Session(Viewer), &Page(runs::one)).with_query(),
        Route::get("consoleDeadLetters",     "/console/dead-letters",          Session(Viewer), &Page(dead_letters::page)).with_query(),
        Route::get("consoleDeadLetter",      "/console/dead-letters/{id}",     Session(Viewer), &Page(dead_letters::one)).with_query(),
        Route::get("consoleQueues",          "/console/queues",                Session(Viewer), &Page(queues::page)).with_query(),
        Route::get("consoleTransactions",    "/console/transactions",          Session(Viewer), &Page(transactions::page)).with_query(),
        Route::get("consoleTransaction",     "/console/transactions/{id}",     Session(Viewer), &Page(transactions::one)).with_query(),
        Route::get("consoleLeads",           "/console/leads",                 Session(Viewer), &Page(leads::page)).with_query(),
        Route::get("consoleLeadsCsv",        "/console/leads.csv",             Session(Viewer), &Page(leads::csv)).with_query(),
        Route::get("consoleLead",            "/console/leads/{id}",            Session(Viewer), &Page(leads::one)).with_query(),
        Route::get("consolePeople",          "/console/people",                Session(Viewer), &Page(people::page)).with_query(),
        Route::get("consoleContacts",        "/console/contacts",              Session(Viewer), &Page(contacts::page)).with_query(),
        Route::get("consoleCalendar",        "/console/calendar",              Session(Viewer), &Page(calendar::page)).with_query(),
        Route::post("consoleZone",           "/console/zone",                  Session(Viewer), &Page(visitor::choose_zone)).with_query(),

        // Pages that act: `acting`.
        Route::get("consoleJobs",            "/console/jobs",                  Session(Operator), &Page(acting::jobs::list)).with_query(),
        Route::get("consoleJob",             "/console/jobs/{id}",             Session(Operator), &Page(acting::jobs::one)).with_query(),
        Route::post("consoleStartJob",       "/console/jobs/{id}/start",       Session(Operator), &Page(acting::jobs::start)).with_query(),
        Route::post("consolePauseJob",       "/console/jobs/{id}/pause",       Session(Operator), &Page(acting::jobs::pause)).with_query(),
        Route::post("consoleResumeJob",      "/console/jobs/{id}/resume",      Session(Operator), &Page(acting::jobs::resume)).with_query(),
        Route::post("consoleStopJob",        "/console/jobs/{id}/stop",        Session(Operator), &Page(acting::jobs::stop)).with_query(),
        Route::get("consoleAskReplay",       "/console/dead-letters/replay",   Session(Operator), &Page(acting::replay::ask)).with_query(),
        Route::post("consolePlanReplay",     "/console/dead-letters/replay",   Session(Operator), &Page(acting::replay::plan)).with_query(),
        Route::post("consoleReveal",         "/console/dead-letters/{id}/reveal", Session(Operator), &Page(acting::reveal::payload)).with_query(),
        Route::get("consoleAskRemap",        "/console/remap",                 Session(Operator), &Page(acting::remap::ask)).with_query(),
        Route::post("consolePlanRemap",      "/console/remap",                 Session(Operator), &Page(acting::remap::plan)).with_query(),
        Route::get("consoleAskRun",          "/console/runs/start",            Session(Operator), &Page(acting::runs::ask)).with_query(),
        Route::post("consoleStartRun",       "/console/runs/start",            Session(Operator), &Page(acting::runs::start)).with_query(),
        Route::get("consoleConnections",     "/console/connections",           Session(Operator), &Page(acting::connections::list)).with_query(),
        Route::get("consoleAskPause",        "/console/connections/{name}/pause",  Session(Operator), &Page(acting::connections::ask_pause)).with_query(),
        Route::post("consolePause",          "/console/connections/{name}/pause",  Session(Operator), &Page(acting::connections::pause)).with_query(),
        Route::get("consoleAskResume",       "/console/connections/{name}/resume", Session(Operator), &Page(acting::connections::ask_resume)).with_query(),
        Route::post("consoleResume",         "/console/connections/{name}/resume", Session(Operator), &Page(acting::connections::resume)).with_query(),
        Route::get("consoleAskResumeTransaction", "/console/transactions/{id}/resume", Session(Operator), &Page(acting::transactions::ask_resume)).with_query(),
        Route::post("consoleResumeTransaction",   "/console/transactions/{id}/resume", Session(Operator), &Page(acting::transactions::resume)).with_query(),
        Route::get("consoleAskNotify",       "/console/transactions/{id}/notify",  Session(Operator), &Page(acting::transactions::ask_notify)).with_query(),
        Route::post("consoleNotify",         "/console/transactions/{id}/notify",  Session(Operator), &Page(acting::transactions::notify)).with_query(),
        Route::get("consoleAskLead",         "/console/leads/{id}/edit",       Session(Operator), &Page(acting::leads::ask)).with_query(),
        Route::post("consoleEditLead",       "/console/leads/{id}/edit",       Session(Operator), &Page(acting::leads::edit)).with_query(),
        Route::post("consoleRevealLead",     "/console/leads/{id}/reveal",     Session(Operator), &Page(acting::reveal::body)).with_query(),
        Route::get("consoleAudit",           "/console/audit",                 Session(Operator), &Page(acting::audit::page)).with_query(),
        Route::get("consoleAuditCsv",        "/console/audit.csv",             Session(Operator), &Page(acting::audit::file)).with_query(),
        Route::get("consoleKeys",            "/console/keys",                  Session(Admin), &Page(acting::keys::list)).with_query(),
        Route::post("consoleMakeKey",        "/console/keys",                  Session(Admin), &Page(acting::keys::make)).with_query(),
        Route::get("consoleAskRevoke",       "/console/keys/{id}/revoke",      Session(Admin), &Page(acting::keys::ask_revoke)).with_query(),
        Route::post("consoleRevokeKey",      "/console/keys/{id}/revoke",      Session(Admin), &Page(acting::keys::revoke)).with_query(),
        Route::get("consoleAccounts",        "/console/accounts",              Session(Admin), &Page(acting::accounts::list)).with_query(),
        Route::post("consoleInvite",         "/console/accounts",              Session(Admin), &Page(acting::accounts::invite)).with_query(),
        Route::get("consoleAccountOf",       "/console/accounts/{id}",         Session(Admin), &Page(acting::accounts::one)).with_query(),
        Route::post("consoleSetRole",        "/console/accounts/{id}/role",    Session(Admin), &Page(acting::accounts::set_role)).with_query(),
        Route::post("consoleEndSessions",    "/console/accounts/{id}/sign-out", Session(Admin), &Page(acting::accounts::end_sessions)).with_query(),
        Route::post("consoleResetLink",      "/console/accounts/{id}/reset",   Session(Admin), &Page(acting::accounts::reset)).with_query(),
        Route::post("consoleDisable",        "/console/accounts/{id}/disable", Session(Admin), &Page(acting::accounts::disable)).with_query(),
        Route::post("consoleEnable",         "/console/accounts/{id}/enable",  Session(Admin), &Page(acting::accounts::enable)).with_query(),
        Route::get("consoleAccount",         "/console/account",               Session(Viewer), &Page(acting::account::page)).with_query(),
        Route::post("consoleEndSession",     "/console/account/sessions/{id}/end", Session(Viewer), &Page(acting::account::end)).with_query(),
        Route::post("consoleEndOthers",      "/console/account/sessions/end",  Session(Viewer), &Page(acting::account::end_others)).with_query(),

        // The contract for people, open to all.
        Route::get("getDocs",                "/docs",                          Nothing, &acting::docs::Page),
        Route::get("getApiDocs",             "/api-docs",                      Nothing, &acting::docs::Page),
        Route::get("getDocsFile",            "/docs/{file}",                   Nothing, &acting::docs::Files),

        // Without a session.
        Route::get("consoleSignIn",          "/console/sign-in",               Nothing,         &Open(signing_in::page)).with_query(),
        Route::get("consoleLink",            "/console/link",                  Nothing,         &Open(signing_in::link)).with_query(),
        Route::get("consoleAsset",           "/console/assets/{name}",         Nothing,         &Open(assets::find)).with_query(),
        // A path that no page has, as far as the gateway lets it through.
        Route::get("consoleUnknown",         "/console/{page}",                Nothing,         &Open(refusal::unknown)).with_query(),
    ];

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn authorize(&self, call: &Call<'_>) -> Result<Visitor, Failure> {
        visitor::authorize(self, call).await
    }

    fn refuse(&self, failure: &Failure, request: &Request, id: &RequestId) -> Reply {
        refusal::page_of(failure, request, id)
    }
}
