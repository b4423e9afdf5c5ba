//! The metrics that functions write, all of them. Each set of dimensions' values is billed, so that
//! a dimension is a word of a few, and never an id or the name of a connection (trap 65).

/// A metric of the stack's namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Requests over HTTP that were answered.
    Requests,
    /// Requests that were answered with a status from 500 on.
    ServerErrors,
    /// Rows whose version was not known before, and that are now in the outbox.
    RowsTaken,
    /// Objects that a page of a vendor's list showed.
    RowsRead,
    /// Pages of a vendor's lists.
    Pages,
    /// Rows that are processed.
    RowsProcessed,
    /// Rows that were given up.
    RowsDead,
    /// Rows whose ticket comes again: they could not be worked, or another worker held them.
    RowsRetried,
    /// The number of attempts that a row has taken until it was processed or given up.
    Attempts,
    /// The time from the arrival of a row to its processing.
    LagSeconds,
    /// How long the oldest pending row has waited.
    OldestPendingSeconds,
    /// How long the pull has been silent that was silent for longest.
    StalestPullSeconds,
    /// The same, of one vendor.
    FreshnessSeconds,
    /// For how many days after today the outbox has leaves.
    PartitionDaysAhead,
    /// Connections to the database, of all who use it.
    DatabaseConnections,
    /// Dead letters that were written in the minute before.
    DeadLettersNew,
    /// Messages that wait in the queues, without the dead-letter queues.
    MessagesWaiting,
    /// Messages that wait in the dead-letter queues.
    MessagesDead,
    /// Messages that wait in one queue, unless there are none.
    QueueDepth,
}

/// The unit of a metric, as CloudWatch names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    Seconds,
    /// Days, which CloudWatch has no unit for.
    None,
}

/// The dimensions of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The function alone.
    Function,
    /// The function, and the vendor or kind of sender that the rows are of.
    Source,
    /// The function, and a queue.
    Queue,
}

impl Scope {
    /// The names of the dimensions.
    #[must_use]
    pub const fn dimensions(self) -> &'static [&'static str] {
        match self {
            Self::Function => &["Function"],
            Self::Source => &["Function", "Source"],
            Self::Queue => &["Function", "Queue"],
        }
    }
}

impl Unit {
    /// The unit's word in a line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
            Self::None => "None",
        }
    }
}

/// CloudWatch keeps values by the minute. By the second, which it calls high resolution, an alarm
/// costs three times as much.
pub const STORAGE_RESOLUTION: u8 = 60;

const HTTP: &[&str] = &["accounts", "admin", "console", "ingest", "metrics", "transact", "webhook"];
const PROCESS: &[&str] = &["process"];
const RELAY: &[&str] = &["relay"];
const FETCH: &[&str] = &["fetch"];

impl Metric {
    /// All metrics, in the order in which pages list them.
    pub const ALL: [Self; 19] = [
        Self::Requests,
        Self::ServerErrors,
        Self::RowsTaken,
        Self::RowsRead,
        Self::Pages,
        Self::RowsProcessed,
        Self::RowsDead,
        Self::RowsRetried,
        Self::Attempts,
        Self::LagSeconds,
        Self::OldestPendingSeconds,
        Self::StalestPullSeconds,
        Self::FreshnessSeconds,
        Self::PartitionDaysAhead,
        Self::DatabaseConnections,
        Self::DeadLettersNew,
        Self::MessagesWaiting,
        Self::MessagesDead,
        Self::QueueDepth,
    ];

    /// The metric's name in CloudWatch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "Requests",
            Self::ServerErrors => "ServerErrors",
            Self::RowsTaken => "RowsTaken",
            Self::RowsRead => "RowsRead",
            Self::Pages => "Pages",
            Self::RowsProcessed => "RowsProcessed",
            Self::RowsDead => "RowsDead",
            Self::RowsRetried => "RowsRetried",
            Self::Attempts => "Attempts",
            Self::LagSeconds => "LagSeconds",
            Self::OldestPendingSeconds => "OldestPendingSeconds",
            Self::StalestPullSeconds => "StalestPullSeconds",
            Self::FreshnessSeconds => "FreshnessSeconds",
            Self::PartitionDaysAhead => "PartitionDaysAhead",
            Self::DatabaseConnections => "DatabaseConnections",
            Self::DeadLettersNew => "DeadLettersNew",
            Self::MessagesWaiting => "MessagesWaiting",
            Self::MessagesDead => "MessagesDead",
            Self::QueueDepth => "QueueDepth",
        }
    }

    /// The unit of its values.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::LagSeconds
            | Self::OldestPendingSeconds
            | Self::StalestPullSeconds
            | Self::FreshnessSeconds => Unit::Seconds,
            Self::PartitionDaysAhead => Unit::None,
            _ => Unit::Count,
        }
    }

    /// The dimensions that its values have.
    #[must_use]
    pub const fn scope(self) -> Scope {
        match self {
            Self::RowsTaken
            | Self::RowsRead
            | Self::Pages
            | Self::RowsProcessed
            | Self::RowsDead
            | Self::Attempts
            | Self::LagSeconds
            | Self::FreshnessSeconds => Scope::Source,
            Self::QueueDepth => Scope::Queue,
            _ => Scope::Function,
        }
    }

    /// The functions that write it.
    #[must_use]
    pub const fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Requests | Self::ServerErrors => HTTP,
            Self::RowsTaken => &["fetch", "ingest", "webhook"],
            Self::RowsRead | Self::Pages => FETCH,
            Self::RowsProcessed
            | Self::RowsDead
            | Self::RowsRetried
            | Self::Attempts
            | Self::LagSeconds => PROCESS,
            _ => RELAY,
        }
    }
}
