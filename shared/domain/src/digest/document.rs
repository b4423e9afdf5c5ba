//! A message without any form.

/// A message without any form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The subject.
    pub title: String,
    /// One line that says whether there is something to do.
    pub verdict: String,
    /// The sections in their order.
    pub sections: Vec<Section>,
    /// How to read it, and where it comes from.
    pub note: String,
}

/// A section of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub heading: String,
    /// The content in its order.
    pub content: Vec<Content>,
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A sentence.
    Line(String),
    /// A table.
    Table {
        /// The names of the columns.
        head: Vec<&'static str>,
        /// The cells of each row.
        rows: Vec<Vec<String>>,
    },
    /// A small chart: a bar a day.
    Bars {
        /// The name of all bars together.
        label: String,
        /// The bars, the oldest first.
        bars: Vec<Bar>,
    },
}

/// A bar of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// The name, such as a day.
    pub name: String,
    /// The value as text.
    pub value: String,
    /// The length in percent of the longest, 100 at most.
    pub percent: u8,
}

impl Bar {
    /// Returns the bars of these values by name. `write` gives a value as text. What is below zero
    /// has no length.
    #[must_use]
    pub fn all(values: &[(String, i128)], write: impl Fn(i128) -> String) -> Vec<Self> {
        let longest = values.iter().map(|(_, value)| *value).max().unwrap_or_default().max(1);
        let bar = |(name, value): &(String, i128)| {
            // Divided first where a product would leave 128 bits.
            let shown = (*value).max(0);
            let share =
                shown.checked_mul(100).map_or(shown / (longest / 100).max(1), |s| s / longest);
            let percent = u8::try_from(share.min(100)).unwrap_or(100);
            Self { name: name.clone(), value: write(*value), percent }
        };
        values.iter().map(bar).collect()
    }
}
