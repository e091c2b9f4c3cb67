//! Charts as SVG without script, each with a table of its figures. Shapes stretch with the page, letters do not.

mod line;
mod scale;
mod stack;
mod steps;
mod tornado;

use maud::{Markup, html};

pub use line::Point;
pub use stack::Pile;
pub use steps::Flow;
pub use tornado::Swung;

use crate::address::Address;
use crate::table::Table;

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Its name in the page.
    pub id: &'static str,
    /// What it shows, with unit and basis.
    pub title: String,
    /// The same in a sentence for those who cannot see it.
    pub described: String,
    /// What is drawn.
    pub drawing: Drawing,
    /// Its figures.
    pub figures: Table,
}

/// What is drawn. Numbers are for the eye: the table beside has them exactly.
#[derive(Debug, Clone, PartialEq)]
pub enum Drawing {
    /// A line over time, within a band where its points have one.
    Line(Vec<Point>),
    /// Bars over time, piled up of parts; the names of the parts, the largest first.
    Stack {
        /// The parts' names.
        names: Vec<String>,
        /// The bars.
        piles: Vec<Pile>,
    },
    /// From one sum to another in steps.
    Steps(Vec<Flow>),
    /// What moves a result, the most first.
    Tornado {
        /// The result as it stands.
        base: f64,
        /// What moves it.
        swings: Vec<Swung>,
    },
}

impl Chart {
    pub(crate) fn render(&self, address: &Address) -> Markup {
        let (title, text) = (format!("{}-title", self.id), format!("{}-text", self.id));
        let labels = format!("{title} {text}");
        let drawing = match &self.drawing {
            Drawing::Line(points) => line::draw(points),
            Drawing::Stack { names, piles } => stack::draw(names, piles),
            Drawing::Steps(flows) => steps::draw(flows),
            Drawing::Tornado { base, swings } => tornado::draw(*base, swings),
        };
        html! {
            section .card .chart {
                h2 { (self.title) }
                @match drawing {
                    None => p .empty { (self.figures.empty) },
                    Some((height, shapes)) => {
                        @if let Drawing::Stack { names, .. } = &self.drawing { (stack::legend(names)) }
                        svg width="100%" height=(height) role="img" aria-labelledby=(labels) {
                            title id=(title) { (self.title) }
                            desc id=(text) { (self.described) }
                            (shapes)
                        }
                    }
                }
                details {
                    summary { "The figures of this chart" }
                    (self.figures.render(address))
                }
            }
        }
    }
}

/// A share of the width or height, as SVG takes it.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2}%", share.clamp(-1.0, 2.0) * 100.0)
}

/// A number on an axis: at most four digits and what they are thousands of.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    let sign = if value < 0.0 { "\u{2212}" } else { "" };
    let (scaled, unit) = match size {
        size if size >= 1e9 => (size / 1e9, "\u{202f}bn"),
        size if size >= 1e6 => (size / 1e6, "\u{202f}M"),
        size if size >= 1e4 => (size / 1e3, "\u{202f}k"),
        size => (size, ""),
    };
    let places = match scaled {
        scaled if scaled == 0.0 || scaled >= 100.0 => 0,
        scaled if scaled >= 1.0 => 1,
        // Three digits that are not zero.
        scaled => usize::try_from(2 - scaled.log10().floor().clamp(-12.0, 2.0) as i32).unwrap_or(2),
    };
    let text = format!("{scaled:.places$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{sign}{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(drawing: Drawing) -> String {
        let chart = Chart {
            id: "c",
            title: "Cost <of> it".to_owned(),
            described: "It rises.".to_owned(),
            drawing,
            figures: Table {
                id: "c-figures",
                empty: "Nothing to draw.".to_owned(),
                ..Table::default()
            },
        };
        chart.render(&Address::new("/")).into_string()
    }

    #[test]
    fn a_chart_is_named_and_takes_no_style_from_its_figures() {
        let points = [1.0, -2.0, 5.0].map(|value| Point {
            label: "<d>".to_owned(),
            value,
            band: Some((value - 1.0, value + 1.0)),
        });
        let piles = vec![Pile {
            label: "1 Nov".to_owned(),
            parts: vec![3.0, 1.0],
        }];
        let flows = [("a", 10.0, true), ("b", -4.0, false), ("c", 6.0, true)];
        let flows = flows.map(|(label, amount, sum)| Flow {
            label: label.to_owned(),
            amount,
            sum,
            figure: "x".to_owned(),
        });
        let swings = vec![Swung {
            label: "volume".to_owned(),
            low: (-5.0, "10".to_owned()),
            high: (20.0, "90".to_owned()),
        }];
        for drawing in [
            Drawing::Line(points.to_vec()),
            Drawing::Stack {
                names: vec!["legal".to_owned(), "finance".to_owned()],
                piles,
            },
            Drawing::Steps(flows.to_vec()),
            Drawing::Tornado { base: 7.0, swings },
        ] {
            let html = chart(drawing.clone());
            assert!(
                html.contains("<title id=\"c-title\">Cost &lt;of&gt; it</title>"),
                "{html}"
            );
            assert!(
                !html.contains("style=") && !html.contains("NaN") && !html.contains("<d>"),
                "{html}"
            );
            let none = match drawing {
                Drawing::Line(_) => Drawing::Line(Vec::new()),
                Drawing::Stack { names, .. } => Drawing::Stack {
                    names,
                    piles: Vec::new(),
                },
                Drawing::Steps(_) => Drawing::Steps(Vec::new()),
                Drawing::Tornado { base, .. } => Drawing::Tornado {
                    base,
                    swings: Vec::new(),
                },
            };
            let html = chart(none);
            assert!(html.contains("Nothing to draw.") && !html.contains("<svg"));
        }
    }

    #[test]
    fn numbers_on_axes_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1.5, "1.5"),
            (200.0, "200"),
            (9_999.0, "9999"),
            (12_000.0, "12\u{202f}k"),
            (-2_500_000.0, "\u{2212}2.5\u{202f}M"),
            (0.000_012_3, "0.0000123"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
