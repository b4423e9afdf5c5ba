//! The tables of the copy with their columns.

use super::Changes::{Never, Versions};
use super::Kind::{Bool, Bytes, Day, Decimal, Instant, Int, Json, Text};
use super::Origin::{Epoch, MajorUnits, OtherPayload};
use super::{Column, Kind, Table};

/// The tables of the copy.
pub const TABLES: &[Table] = &[
    Table {
        name: "events",
        meaning: "Product events, of each sender the first of an id.",
        changes: Never,
        columns: EVENTS,
    },
    Table {
        name: "outbox",
        meaning: "Everything that came in, as it came.",
        changes: Never,
        columns: OUTBOX,
    },
    Table {
        name: "payments",
        meaning: "Charges, refunds, disputes and deals, in the versions that were current.",
        changes: Versions,
        columns: PAYMENTS,
    },
    Table {
        name: "leads",
        meaning: "Leads with what people have made of them.",
        changes: Versions,
        columns: LEADS,
    },
    Table {
        name: "contacts",
        meaning: "People as a CRM knows them.",
        changes: Versions,
        columns: CONTACTS,
    },
    Table {
        name: "calendar_events",
        meaning: "Entries of calendars.",
        changes: Versions,
        columns: CALENDAR_EVENTS,
    },
    Table {
        name: "transactions",
        meaning: "Transactions that a third party decides, in their states.",
        changes: Versions,
        columns: TRANSACTIONS,
    },
    Table {
        name: "dead_letters",
        meaning: "Rows and messages that could not be processed.",
        changes: Versions,
        columns: DEAD_LETTERS,
    },
];

const fn c(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column::new(name, kind, meaning)
}

const ROW_KEY: Column = c("row_key", Text, "the key of the row; versions of a row share it");
const EPOCH: Column =
    c("archive_epoch", Int, "the life of the database; of a row in several, the newest counts")
        .from(Epoch);
const TX: Column =
    c("tx", Int, "the transaction that wrote the row; a later version has a greater");
const ARRIVED: Column = c("arrived_at", Instant, "when the row, or this version of it, came in");
const SOURCE: Column = c("source", Text, "the connection that it came over");
const OUTBOX_ID: Column = c("outbox_id", Text, "the row of `outbox` that says it");
const VERSION: Column = c("version_at", Instant, "the time of the version, by the vendor");
const SENDER: Column = c("sender", Text, "the name of the API key that sent it").or_null();
const QUERY: Column = c("query", Text, "the query string of the request").personal();
const CONTENT_TYPE: Column = c("content_type", Text, "the content type of the payload");
const ENCODING: Column =
    c("content_encoding", Text, "the content encoding of the payload").or_null();
const RUN: Column = c("run_id", Text, "the run that fetched it").or_null();
const PAYLOAD: Column = c("payload", Json, "the payload as it came, if it is JSON").personal();
const OTHER_PAYLOAD: Column = c("payload_bytes", Bytes, "the payload as it came, if it is no JSON")
    .personal()
    .from(OtherPayload);
const EMAIL: Column = c("email", Text, "the address").personal();
const PHONE: Column = c("phone", Text, "the telephone number").personal();
const FIRST_NAME: Column = c("first_name", Text, "the first name").personal();
const LAST_NAME: Column = c("last_name", Text, "the last name").personal();
const DELETED: Column = c("deleted_at", Instant, "when the vendor no longer had it").or_null();
const EXTERNAL_ID: Column = c("external_id", Text, "the vendor's id");

const EVENTS: &[Column] = &[
    ROW_KEY,
    EPOCH,
    TX,
    ARRIVED,
    c("event_id", Text, "the sender's id of the event"),
    SENDER,
    c("event_type", Text, "the kind of event"),
    c("user_id", Text, "the user, as the sender names them").personal(),
    c("session_id", Text, "the session").personal(),
    c("occurred_at", Instant, "when it happened, by the sender's clock"),
    c("clock_skew", Text, "`future` or `past` if that clock cannot be right").or_null(),
    c("payload", Json, "the payload as it came").personal(),
    c("metadata", Json, "the metadata as they came").personal(),
    OUTBOX_ID,
];

const OUTBOX: &[Column] = &[
    ROW_KEY,
    EPOCH,
    TX,
    ARRIVED,
    SOURCE,
    c("entity", Text, "the kind of object"),
    c("external_id", Text, "the object's id at its vendor or sender"),
    c("version_key", Text, "the version of the object, such as the id of an event"),
    VERSION,
    c("api_version", Text, "the vendor's version of the payload").or_null(),
    CONTENT_TYPE,
    ENCODING,
    SENDER,
    QUERY,
    RUN,
    PAYLOAD,
    OTHER_PAYLOAD,
];

const PAYMENTS: &[Column] = &[
    ROW_KEY,
    EPOCH,
    TX,
    ARRIVED,
    SOURCE,
    c("kind", Text, "`charge`, `refund`, `dispute` or `deal`"),
    EXTERNAL_ID,
    c("account", Text, "the connected account of the vendor").or_null(),
    c("amount_minor", Int, "the amount in minor units, never negative"),
    c("amount", Decimal, "the amount in major units").or_null().from(MajorUnits),
    c("currency", Text, "the code by ISO 4217; `XXX` if there is none"),
    c("status", Text, "the state, in one vocabulary for all vendors"),
    c("raw_status", Text, "the state in the vendor's words"),
    c("occurred_at", Instant, "when the money moved"),
    VERSION,
    OUTBOX_ID,
];

const LEADS: &[Column] = &[
    ROW_KEY,
    EPOCH,
    TX,
    ARRIVED,
    c("lead_id", Text, "the id"),
    c("state", Text, "`accepted`, `conflicting` or `rejected`"),
    c("conflicts_with", Text, "the lead whose Idempotency-Key came with another body").or_null(),
    EMAIL,
    PHONE,
    c("name", Text, "the name").personal(),
    c("company", Text, "the company").personal(),
    FIRST_NAME,
    LAST_NAME,
    c("country", Text, "the country").or_null(),
    c("language", Text, "the language").or_null(),
    c("ip", Text, "the network address of the person").personal(),
    c("domain", Text, "the site that the form is on").or_null(),
    c("offer", Text, "the offer").or_null(),
    c("source_type", Text, "the kind of traffic").or_null(),
    c("marker", Text, "the campaign").or_null(),
    c("creative", Text, "the advertisement").or_null(),
    c("click_id", Text, "the click").personal(),
    c("description", Text, "the message").personal(),
    c("status", Text, "the state that people gave it").or_null(),
    c("assigned_to", Text, "the person that works on it").personal(),
    c("revision", Int, "counts its changes"),
    SENDER,
    QUERY,
    CONTENT_TYPE,
    ENCODING,
    PAYLOAD,
    OTHER_PAYLOAD,
    c("received_at", Instant, "when the lead came in"),
    OUTBOX_ID,
];

const CONTACTS: &[Column] = &[
    ROW_KEY,
    EPOCH,
    TX,
    ARRIVED,
    SOURCE,
    EXTERNAL_ID,
    EMAIL,
    PHONE,
    FIRST_NAME,
    LAST_NAME,
    c("merged_into", Text, "the contact that has taken its place").or_null(),
    DELETED,
    c("unreadable", Bool, "whether the newest version could not be read"),
    VERSION,
    OUTBOX_ID,
];

const CALENDAR_EVENTS: &[Column] = &[
    ROW_KEY,
    EPOCH,
    TX,
    ARRIVED,
    SOURCE,
    c("calendar_id", Text, "the calendar").personal(),
    EXTERNAL_ID,
    c("status", Text, "the vendor's word"),
    c("summary", Text, "the title").personal(),
    c("starts_at", Instant, "the beginning, if it has a time").or_null(),
    c("ends_at", Instant, "the end, if it has a time").or_null(),
    c("start_date", Day, "the first day, if it lasts whole days").or_null(),
    c("end_date", Day, "the day after the last, if it lasts whole days").or_null(),
    c("all_day", Bool, "whether it lasts whole days"),
    c("recurring_event_id", Text, "the series that it is of").or_null(),
    DELETED,
    VERSION,
    OUTBOX_ID,
];

const TRANSACTIONS: &[Column] = &[
    ROW_KEY,
    EPOCH,
    TX,
    ARRIVED,
    c("transaction_id", Text, "the client's id"),
    c("sender", Text, "the name of the API key that sent it"),
    c("status", Text, "the state"),
    c("failure", Text, "why it failed, in one word").or_null(),
    c("knowledge", Text, "what is known of its submission"),
    c("attempt", Int, "the number of submissions that were begun"),
    c("submissions", Int, "the number that may have reached the third party"),
    c("polls", Int, "the number of questions since the last submission"),
    c("reason", Text, "the last word about it").personal(),
    c("revision", Int, "counts its changes"),
    c("deadline", Instant, "when it is given up"),
    c("received_at", Instant, "when it came in"),
    c("ended_at", Instant, "when it reached its last state").or_null(),
    PAYLOAD,
    OTHER_PAYLOAD,
];

const DEAD_LETTERS: &[Column] = &[
    ROW_KEY,
    EPOCH,
    TX,
    ARRIVED,
    c("letter_id", Text, "the id"),
    c("source", Text, "the connection that it came over").or_null(),
    c("entity", Text, "the kind of object").or_null(),
    c("external_id", Text, "the object's id").or_null(),
    c("outbox_id", Text, "the row of `outbox`; null for a message").or_null(),
    c("created_at", Instant, "when it failed for the last time"),
    c("settled_at", Instant, "when its row was processed after all").or_null(),
    c("error_kind", Text, "the kind of error"),
    c("error_class", Text, "`permanent`, `transient` or `dependency`").or_null(),
    c("error_field", Text, "the field to blame, as a JSON pointer").or_null(),
    c("error", Text, "the error").personal(),
    c("reason", Text, "the error without its values"),
    c("attempts", Int, "the number of attempts"),
    RUN,
    c("message_id", Text, "the id of a message that was no row").or_null(),
    PAYLOAD,
    OTHER_PAYLOAD,
];
