//! Line charts as SVG text, for reports: what `moegate-train` draws, it draws with these.

use std::ops::Range;

use anyhow::{Result, ensure};
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

/// Colours that stay apart for the colour-blind too (Okabe and Ito); lines take them in turn.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];
/// Size of a chart in pixels.
const SIZE: (u32, u32) = (760, 440);

/// A chart: lines, their bands and points over two axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What the chart shows, above it.
    pub title: String,
    /// The axis to the right.
    pub x: Axis,
    /// The axis upwards.
    pub y: Axis,
    /// What is drawn, in the order of the legend.
    pub series: Vec<Series>,
}

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it measures, with its unit.
    pub label: String,
    /// How values lie on it.
    pub scale: Scale,
}

impl Axis {
    /// An axis with equal steps.
    pub fn linear(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            scale: Scale::Linear,
        }
    }

    /// An axis with equal factors; its values are above 0.
    pub fn log(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            scale: Scale::Log,
        }
    }
}

/// How values lie on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps.
    Linear,
    /// Equal factors.
    Log,
}

/// One thing drawn, with its name in the legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Where it goes, from left to right.
    pub points: Vec<(f64, f64)>,
    /// Lower and upper end around it at some places, from left to right; may be empty.
    pub band: Vec<(f64, f64, f64)>,
    /// How the points are drawn.
    pub mark: Mark,
}

impl Series {
    /// Points joined by a line.
    pub fn line(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.to_owned(),
            points,
            band: Vec::new(),
            mark: Mark::Line,
        }
    }

    /// Points by themselves.
    pub fn dots(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self {
            mark: Mark::Dots,
            ..Self::line(name, points)
        }
    }

    /// The same with a band around it.
    #[must_use]
    pub fn with_band(mut self, band: Vec<(f64, f64, f64)>) -> Self {
        self.band = band;
        self
    }
}

/// How points are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Joined by a line.
    Line,
    /// Each by itself.
    Dots,
}

impl Chart {
    /// The chart as an SVG document. Fails where it has no points, a number is not finite or a log axis meets 0.
    pub fn svg(&self) -> Result<String> {
        let xs = self.x.range(self.series.iter().flat_map(Series::xs))?;
        let ys = self.y.range(self.series.iter().flat_map(Series::ys))?;
        let mut text = String::new();
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        match (self.x.scale, self.y.scale) {
            (Scale::Linear, Scale::Linear) => self.draw(&area, xs, ys)?,
            (Scale::Log, Scale::Linear) => self.draw(&area, xs.log_scale(), ys)?,
            (Scale::Linear, Scale::Log) => self.draw(&area, xs, ys.log_scale())?,
            (Scale::Log, Scale::Log) => self.draw(&area, xs.log_scale(), ys.log_scale())?,
        }
        area.present()?;
        drop(area);
        Ok(text)
    }

    fn draw<'a, X, Y>(
        &self,
        area: &DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
        x: X,
        y: Y,
    ) -> Result<()>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 18))
            .margin(14)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_desc(&self.x.label)
            .y_desc(&self.y.label)
            .x_label_formatter(&tick)
            .y_label_formatter(&tick)
            .light_line_style(WHITE)
            .bold_line_style(BLACK.mix(0.1))
            .label_style(("sans-serif", 12))
            .axis_desc_style(("sans-serif", 13))
            .draw()?;
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let colour = *colour;
            if !series.band.is_empty() {
                let there = series.band.iter().map(|&(x, low, _)| (x, low));
                let back = series.band.iter().rev().map(|&(x, _, high)| (x, high));
                let outline: Vec<(f64, f64)> = there.chain(back).collect();
                chart.draw_series(std::iter::once(Polygon::new(outline, colour.mix(0.18))))?;
            }
            let points = series.points.iter().copied();
            let drawn = match series.mark {
                Mark::Line => chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?,
                Mark::Dots => {
                    let dot = |at| Circle::new(at, 3, colour.filled());
                    chart.draw_series(points.map(dot))?
                }
            };
            drawn.label(&series.name).legend(move |(x, y)| {
                Rectangle::new([(x, y - 2), (x + 16, y + 2)], colour.filled())
            });
        }
        chart
            .configure_series_labels()
            .position(self.free_corner())
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.15))
            .label_font(("sans-serif", 12))
            .draw()?;
        Ok(())
    }
}

impl Chart {
    /// Where the legend hides least: below at the right where the first series rises, above where it falls.
    fn free_corner(&self) -> SeriesLabelPosition {
        let first = self
            .series
            .first()
            .map_or(&[][..], |series| series.points.as_slice());
        match (first.first(), first.last()) {
            (Some((_, start)), Some((_, end))) if end > start => SeriesLabelPosition::LowerRight,
            _ => SeriesLabelPosition::UpperRight,
        }
    }
}

impl Series {
    fn xs(&self) -> impl Iterator<Item = f64> {
        let points = self.points.iter().map(|&(x, _)| x);
        points.chain(self.band.iter().map(|&(x, ..)| x))
    }

    fn ys(&self) -> impl Iterator<Item = f64> {
        let points = self.points.iter().map(|&(_, y)| y);
        points.chain(self.band.iter().flat_map(|&(_, low, high)| [low, high]))
    }
}

impl Axis {
    /// From the least to the largest value, with some room.
    fn range(&self, values: impl Iterator<Item = f64>) -> Result<Range<f64>> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            ensure!(
                value.is_finite(),
                "chart axis {:?}: {value} is not finite",
                self.label
            );
            (low, high) = (low.min(value), high.max(value));
        }
        ensure!(low <= high, "chart axis {:?}: nothing to draw", self.label);
        match self.scale {
            Scale::Linear => {
                let room = if high > low {
                    (high - low) * 0.04
                } else {
                    low.abs().max(1.0) * 0.1
                };
                Ok(low - room..high + room)
            }
            Scale::Log => {
                ensure!(
                    low > 0.0,
                    "chart axis {:?}: {low} is not above 0",
                    self.label
                );
                let room = if high > low {
                    (high / low).powf(0.04)
                } else {
                    1.2
                };
                Ok(low / room..high * room)
            }
        }
    }
}

/// A number on an axis: three digits, with a power of ten where it is very large or small.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the formatter's signature"
)]
fn tick(value: &f64) -> String {
    let size = value.abs();
    if size < 1e-12 {
        "0".to_owned()
    } else if !(1e-3..1e5).contains(&size) {
        format!("{value:.1e}")
    } else {
        let digits = (2.0 - size.log10().floor()).clamp(0.0, 4.0);
        let text = match digits {
            d if d < 0.5 => format!("{value:.0}"),
            d if d < 1.5 => format!("{value:.1}"),
            d if d < 2.5 => format!("{value:.2}"),
            d if d < 3.5 => format!("{value:.3}"),
            _ => format!("{value:.4}"),
        };
        match text.split_once('.') {
            Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            None => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(scale: Scale, points: Vec<(f64, f64)>) -> Chart {
        let axis = |label: &str| Axis {
            label: label.to_owned(),
            scale,
        };
        let band = points.iter().map(|&(x, y)| (x, y * 0.9, y * 1.1)).collect();
        Chart {
            title: "loss & <accuracy>".to_owned(),
            x: axis("steps"),
            y: axis("loss"),
            series: vec![
                Series::line("train", points.clone()).with_band(band),
                Series::dots("dev", points),
            ],
        }
    }

    #[test]
    fn draws_every_series_and_escapes_text() {
        for scale in [Scale::Linear, Scale::Log] {
            let svg = chart(scale, vec![(1.0, 2.5), (10.0, 1.5), (100.0, 1.25)])
                .svg()
                .unwrap();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
            assert!(svg.contains("<polygon") && svg.contains("<circle"));
            assert!(svg.contains("train") && svg.contains("dev") && svg.contains("steps"));
            assert!(!svg.contains("<accuracy>"));
        }
    }

    #[test]
    fn the_legend_leaves_the_end_of_the_first_series_free() {
        let corner = |points| chart(Scale::Linear, points).free_corner();
        let rising = corner(vec![(1.0, 0.5), (2.0, 0.9)]);
        assert!(matches!(rising, SeriesLabelPosition::LowerRight));
        for other in [vec![(1.0, 0.9), (2.0, 0.5)], Vec::new()] {
            assert!(matches!(corner(other), SeriesLabelPosition::UpperRight));
        }
    }

    #[test]
    fn says_what_cannot_be_drawn() {
        let nothing = chart(Scale::Linear, Vec::new())
            .svg()
            .unwrap_err()
            .to_string();
        assert!(nothing.contains("nothing to draw"), "{nothing}");
        let nan = chart(Scale::Linear, vec![(0.0, f64::NAN)])
            .svg()
            .unwrap_err()
            .to_string();
        assert!(nan.contains("not finite"), "{nan}");
        let zero = chart(Scale::Log, vec![(0.0, 1.0)])
            .svg()
            .unwrap_err()
            .to_string();
        assert!(zero.contains("not above 0"), "{zero}");
    }

    #[test]
    fn ticks_are_short() {
        let shown = [0.0, 0.05, 0.25, 1.0, 12.5, 1000.0, 2.5e9, -0.5].map(|v| tick(&v));
        assert_eq!(
            shown,
            ["0", "0.05", "0.25", "1", "12.5", "1000", "2.5e9", "-0.5"]
        );
    }
}
