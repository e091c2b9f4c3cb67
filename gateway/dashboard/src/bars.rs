//! A bar chart as SVG, drawn from integers, with its figures written beside the bars and read out by name.

use maud::{Markup, html};

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) label: String,
    /// The length; bars are drawn in proportion.
    pub(crate) value: i128,
    /// The value as text.
    pub(crate) figure: String,
}

/// The height of one bar with its label, in pixels: the same on a telephone as on a wide screen.
const ROW: usize = 46;
/// The longest bar, in hundredths of a percent of the width. The rest is room for the figures.
const RAIL: i128 = 6_000;
/// The shortest that can be seen.
const LEAST: i128 = 40;
/// Where the figures stand.
const FIGURES: i128 = 6_200;

/// The chart. `id` is unique on its page; the title names what is measured and on which basis.
pub(crate) fn chart(id: &str, title: &str, described: &str, bars: &[Bar]) -> Markup {
    let height = bars.len().saturating_mul(ROW).saturating_add(6);
    let longest = bars.iter().map(|bar| bar.value).max().unwrap_or(0);
    let (title_id, text_id) = (format!("{id}-title"), format!("{id}-text"));
    html! {
        svg .bars width="100%" height=(height) role="img"
            aria-labelledby={ (title_id) " " (text_id) } {
            title id=(title_id) { (title) }
            desc id=(text_id) { (described) }
            @for (at, bar) in bars.iter().enumerate() {
                @let top = at.saturating_mul(ROW);
                @let length = percent(length(bar.value, longest));
                text .bar-label x="0" y=(top.saturating_add(16)) { (bar.label) }
                rect .bar-rail x="0" y=(top.saturating_add(23)) width=(percent(RAIL)) height="14" rx="3" {}
                rect .bar x="0" y=(top.saturating_add(23)) width=(length) height="14" rx="3" {}
                text .bar-figure x=(percent(FIGURES)) y=(top.saturating_add(35)) { (bar.figure) }
            }
        }
    }
}

/// In hundredths of a percent; enough to be seen where there is anything.
fn length(value: i128, longest: i128) -> i128 {
    let length = value
        .max(0)
        .saturating_mul(RAIL)
        .checked_div(longest)
        .unwrap_or(0);
    if value > 0 { length.max(LEAST) } else { 0 }
}

fn percent(hundredths: i128) -> String {
    let (whole, rest) = (hundredths.div_euclid(100), hundredths.rem_euclid(100));
    format!("{whole}.{rest:02}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_named() {
        let bar = |label: &str, value| Bar {
            label: label.to_owned(),
            value,
            figure: value.to_string(),
        };
        let bars = [bar("a <b>", 1_000), bar("c", 500), bar("d", 1), bar("e", 0)];
        let html = chart("cost", "Cost", "Four bars", &bars).into_string();
        for width in [
            "width=\"60.00%\"",
            "width=\"30.00%\"",
            "width=\"0.40%\"",
            "width=\"0.00%\"",
        ] {
            assert!(html.contains(width), "{width} in {html}");
        }
        assert!(
            html.contains("a &lt;b&gt;") && html.contains("<title id=\"cost-title\">Cost</title>")
        );
        assert!(!html.contains("style="));
        assert!(
            chart("none", "Cost", "No bars", &[])
                .into_string()
                .contains("height=\"6\"")
        );
        // A drawing that shrinks with the page shrinks its letters too, or clips them.
        assert!(!html.contains("viewBox"));
    }
}
