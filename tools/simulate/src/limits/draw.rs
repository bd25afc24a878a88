//! One picture per story: useful work, and where the limits stood.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use super::server::{Load, Second};
use super::story::Story;
use crate::report::file_name;

const SIZE: (u32, u32) = (900, 520);
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 110, 180),
    RGBColor(150, 150, 150),
    RGBColor(90, 150, 60),
    RGBColor(200, 40, 40),
    RGBColor(150, 60, 160),
    RGBColor(200, 120, 0),
];

/// Writes `FOLDER/<story>.svg`.
///
/// # Errors
/// When the file cannot be written.
pub fn draw(
    folder: &Path,
    story: &Story,
    runs: &[(&'static str, Load)],
) -> Result<(), Box<dyn Error>> {
    let path = folder.join(format!("{}.svg", file_name(story.name)));
    let area = SVGBackend::new(&path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (upper, lower) = area.split_vertically(SIZE.1 as i32 * 11 / 20);
    let done = |second: &Second| f64::from(second.good.iter().sum::<u32>());
    let highest = |of: &dyn Fn(&Second) -> f64| {
        let all = runs.iter().flat_map(|(_, load)| &load.seconds);
        all.map(of).fold(1.0, f64::max)
    };
    let most = highest(&done).max(highest(&|second| second.possible)) * 1.1;
    let seconds = f64::from(story.seconds);
    let mut chart = ChartBuilder::on(&upper)
        .caption(story.name, ("sans-serif", 18))
        .margin_right(20)
        .set_label_area_size(LabelAreaPosition::Left, 70)
        .set_label_area_size(LabelAreaPosition::Bottom, 20)
        .build_cartesian_2d(0.0..seconds, 0.0..most)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .y_desc("done in time, per second")
        .draw()?;
    chart.draw_series(LineSeries::new(
        points(&runs[0].1, |second| second.possible),
        BLACK.mix(0.3),
    ))?;
    for ((name, load), colour) in runs.iter().zip(COLOURS) {
        chart
            .draw_series(LineSeries::new(points(load, done), colour.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    let mut chart = ChartBuilder::on(&lower)
        .margin_right(20)
        .set_label_area_size(LabelAreaPosition::Left, 70)
        .set_label_area_size(LabelAreaPosition::Bottom, 35)
        .build_cartesian_2d(0.0..seconds, (1.0..1_500.0).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_desc("seconds")
        .y_desc("limit")
        .draw()?;
    for ((_, load), colour) in runs.iter().zip(COLOURS) {
        let limits = points(load, |second| second.limit.max(1.0));
        chart.draw_series(LineSeries::new(limits, colour.stroke_width(2)))?;
    }
    area.present()?;
    Ok(())
}

fn points(load: &Load, of: impl Fn(&Second) -> f64) -> Vec<(f64, f64)> {
    let seconds = load.seconds.iter().enumerate();
    seconds
        .map(|(at, second)| (at as f64, of(second)))
        .collect()
}
