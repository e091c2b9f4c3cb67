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

const WIDTH: i128 = 720;
const ROW: usize = 46;
/// Room for the figure right of the longest bar.
const ROOM: i128 = 150;

/// The chart. `id` is unique on its page; the title names what is measured and on which basis.
pub(crate) fn chart(id: &str, title: &str, described: &str, bars: &[Bar]) -> Markup {
    let height = bars.len().saturating_mul(ROW).saturating_add(6);
    let longest = bars.iter().map(|bar| bar.value).max().unwrap_or(0);
    let (title_id, text_id) = (format!("{id}-title"), format!("{id}-text"));
    html! {
        svg .bars viewBox={ "0 0 " (WIDTH) " " (height) } role="img"
            aria-labelledby={ (title_id) " " (text_id) } {
            title id=(title_id) { (title) }
            desc id=(text_id) { (described) }
            @for (at, bar) in bars.iter().enumerate() {
                @let top = at.saturating_mul(ROW);
                @let length = length(bar.value, longest);
                text .bar-label x="0" y=(top.saturating_add(16)) { (bar.label) }
                rect .bar-rail x="0" y=(top.saturating_add(23)) width=(WIDTH.saturating_sub(ROOM)) height="14" rx="3" {}
                rect .bar x="0" y=(top.saturating_add(23)) width=(length) height="14" rx="3" {}
                text .bar-figure x=(WIDTH.saturating_sub(ROOM).saturating_add(10))
                    y=(top.saturating_add(35)) { (bar.figure) }
            }
        }
    }
}

/// At least two wide where there is anything.
fn length(value: i128, longest: i128) -> i128 {
    let room = WIDTH.saturating_sub(ROOM);
    let length = value
        .max(0)
        .saturating_mul(room)
        .checked_div(longest)
        .unwrap_or(0);
    if value > 0 { length.max(2) } else { 0 }
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
            "width=\"570\"",
            "width=\"285\"",
            "width=\"2\"",
            "width=\"0\"",
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
                .contains("viewBox=\"0 0 720 6\"")
        );
    }
}
