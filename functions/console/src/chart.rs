//! Charts as SVG: pure functions of numbers. Colours come from the style sheet by classes, so that
//! the policy of the page needs no exception.

use std::fmt::Write as _;

use crate::filters::{Markup, escape};

/// One line of numbers, a number for each label.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// Its name in the legend.
    pub(crate) name: &'static str,
    /// The class that colours it.
    pub(crate) class: &'static str,
    /// The numbers, in minor units.
    pub(crate) values: Vec<i128>,
}

/// A chart of bars, with a group of bars for each label.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    /// The title, and a sentence that says what is to be seen. Screen readers read both.
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) labels: Vec<String>,
    pub(crate) series: Vec<Series>,
    /// Writes an amount of minor units.
    pub(crate) shown: fn(i128, &str) -> String,
    /// The currency that `shown` gets.
    pub(crate) unit: String,
}

/// The size of the drawing, in units of its own. A page scales it.
const WIDTH: usize = 1_000;
const HEIGHT: i128 = 260;

/// The place of the bars in it.
const LEFT: usize = 100;
const TOP: i128 = 10;
const BOTTOM: i128 = 230;

impl Bars {
    /// Draws the chart. Each label has a field that the script and the keyboard find: its number is
    /// the row of the table below.
    pub(crate) fn draw(&self, id: &str) -> Markup {
        let mut svg = String::new();
        let _ = write!(
            svg,
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" data-chart=\"{id}\">\
             <title id=\"{id}-title\">"
        );
        escape(&mut svg, &self.title);
        let _ = write!(svg, "</title><desc id=\"{id}-desc\">");
        escape(&mut svg, &self.description);
        svg.push_str("</desc>");
        let scale = Scale::of(self.series.iter().flat_map(|series| &series.values).copied());
        self.axis(&mut svg, &scale);
        for (place, series) in self.series.iter().enumerate() {
            self.bars(&mut svg, &scale, place, series);
        }
        self.fields(&mut svg);
        svg.push_str("</svg>");
        Markup::of(svg)
    }

    /// Lines of round amounts, with what they are worth.
    fn axis(&self, svg: &mut String, scale: &Scale) {
        for tick in scale.ticks() {
            let y = scale.y(tick);
            let class = if tick == 0 { "zero" } else { "grid" };
            let _ = write!(
                svg,
                "<path class=\"{class}\" d=\"M{LEFT} {y}H{WIDTH}\"/><text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">",
                LEFT - 8,
                y + 4
            );
            escape(svg, &(self.shown)(tick, &self.unit));
            svg.push_str("</text>");
        }
        // The first, the last and a few labels between. More would overlap.
        let step = self.labels.len().div_ceil(6).max(1);
        for (place, label) in self.labels.iter().enumerate().step_by(step) {
            let x = self.x(place);
            let _ = write!(svg, "<text class=\"tick\" x=\"{x}\" y=\"{}\">", HEIGHT - 8);
            escape(svg, label);
            svg.push_str("</text>");
        }
    }

    /// The left edge of a group.
    fn x(&self, place: usize) -> usize {
        LEFT + (WIDTH - LEFT) * place / self.labels.len().max(1)
    }

    /// All bars of a series, as one path.
    fn bars(&self, svg: &mut String, scale: &Scale, place: usize, series: &Series) {
        let zero = scale.y(0);
        let _ = write!(svg, "<path class=\"{}\" d=\"", series.class);
        for (group, value) in series.values.iter().enumerate() {
            let (left, right) = (self.x(group), self.x(group + 1));
            let count = self.series.len().max(1);
            let span = (right - left) * 4 / 5;
            let (from, to) = (left + span * place / count, left + span * (place + 1) / count);
            let height = zero - scale.y(*value);
            if height != 0 {
                let _ = write!(svg, "M{from} {zero}v{}H{}V{zero}z", -height, to.max(from + 1));
            }
        }
        let _ = write!(svg, "\"><title>{}</title></path>", series.name);
    }

    /// A field over each group, for the pointer and the keyboard.
    fn fields(&self, svg: &mut String) {
        for place in 0..self.labels.len() {
            let (x, width) = (self.x(place), self.x(place + 1) - self.x(place));
            let _ = write!(
                svg,
                "<rect class=\"field\" x=\"{x}\" y=\"{TOP}\" width=\"{width}\" height=\"{}\" data-row=\"{place}\"/>",
                BOTTOM - TOP
            );
        }
    }
}

/// Which amounts the drawing reaches from and to.
struct Scale {
    low: i128,
    high: i128,
    step: i128,
}

/// No bar is longer. It is more money than there is, and leaves room to reckon with.
const MOST: i128 = i128::MAX / 1_000_000;

impl Scale {
    /// A scale from the lowest to the highest value, zero among them, in round steps.
    fn of(values: impl Iterator<Item = i128>) -> Self {
        let values = values.map(|value| value.clamp(-MOST, MOST));
        let (low, high) =
            values.fold((0_i128, 0_i128), |(low, high), it| (low.min(it), high.max(it)));
        let span = (high - low).max(1);
        let mut step = 1_i128;
        while step * 5 < span {
            step = if leading(step) == 2 { step * 5 / 2 } else { step * 2 };
        }
        let low = low.div_euclid(step) * step;
        let high = -((-high).div_euclid(step) * step);
        Self { low, high: high.max(low + step), step }
    }

    fn ticks(&self) -> impl Iterator<Item = i128> + use<> {
        let (low, high, step) = (self.low, self.high, self.step);
        (0..12).map(move |n| low + step * n).take_while(move |tick| *tick <= high)
    }

    /// The height of an amount in the drawing.
    fn y(&self, value: i128) -> i128 {
        let above = self.high - value.clamp(-MOST, MOST);
        TOP + above * (BOTTOM - TOP) / (self.high - self.low)
    }
}

/// The first digit of a number.
const fn leading(mut number: i128) -> i128 {
    while number >= 10 {
        number /= 10;
    }
    number
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filters::amount;

    fn bars(values: Vec<i128>) -> Bars {
        let labels =
            values.iter().enumerate().map(|(day, _)| format!("2026-05-{day:02}")).collect();
        let series = vec![Series { name: "Net", class: "net", values }];
        let (title, description) = ("Net <by> day".to_owned(), "From 1 to 2".to_owned());
        Bars { title, description, labels, series, shown: amount, unit: "EUR".to_owned() }
    }

    #[test]
    fn a_chart_has_a_title_a_description_and_no_style_of_its_own() {
        let svg = bars(vec![10_000, -5_000, 0]).draw("net").to_string();
        assert!(svg.contains("<title id=\"net-title\">Net &lt;by&gt; day</title>"), "{svg}");
        assert!(svg.contains("<desc id=\"net-desc\">From 1 to 2</desc>"));
        assert!(svg.contains("role=\"img\" aria-labelledby=\"net-title net-desc\""));
        assert!(!svg.contains("style"), "{svg}");
        assert_eq!(svg.matches("class=\"field\"").count(), 3);
    }

    #[test]
    fn bars_go_up_and_down_from_zero() {
        let svg = bars(vec![10_000, -5_000]).draw("net").to_string();
        // From -50 to 100 in steps of 50: zero is two thirds down.
        let zero = TOP + (BOTTOM - TOP) * 2 / 3;
        assert!(svg.contains(&format!("d=\"M100 {zero}v-{}H", zero - TOP)), "{svg}");
        assert!(svg.contains(&format!("V{zero}zM550 {zero}v{}H", BOTTOM - zero)), "{svg}");
        for tick in ["\u{2212}50.00", "0.00", "50.00", "100.00"] {
            assert!(svg.contains(&format!(">{tick}</text>")), "{tick} {svg}");
        }
    }

    proptest! {
        #[test]
        fn every_bar_is_within_the_drawing(values in prop::collection::vec(any::<i128>(), 0..40)) {
            let scale = Scale::of(values.iter().copied());
            for value in values.iter().copied().chain([0]) {
                let y = scale.y(value);
                prop_assert!((TOP..=BOTTOM).contains(&y), "{} at {}", value, y);
            }
            prop_assert!((1..=12).contains(&scale.ticks().count()));
            bars(values).draw("x");
        }
    }
}
