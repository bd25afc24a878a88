//! One picture per scenario: what failed, what was learned, who refused.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::replay::{Run, Second};
use crate::report::file_name;
use crate::scenario::Scenario;

const SIZE: (u32, u32) = (900, 460);
const ROW: i32 = 22;
const LEFT: i32 = 160;
const RIGHT: i32 = 20;

const FAILING: RGBColor = RGBColor(150, 150, 150);
const LEARNED: RGBColor = RGBColor(0, 110, 180);
const FIXED: RGBColor = RGBColor(200, 120, 0);
const REFUSED: RGBColor = RGBColor(200, 40, 40);
const DOWN: RGBColor = RGBColor(255, 214, 214);

/// Writes `FOLDER/<scenario>.svg`.
///
/// # Errors
/// When the file cannot be written.
pub fn draw(
    folder: &Path,
    scenario: &Scenario,
    runs: &[(&'static str, Run)],
) -> Result<(), Box<dyn Error>> {
    let path = folder.join(format!("{}.svg", file_name(scenario.name)));
    let area = SVGBackend::new(&path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let strips = ROW * runs.len() as i32 + 20;
    let (upper, lower) = area.split_vertically(SIZE.1 as i32 - strips);
    rates(&upper, scenario, &runs[0].1)?;
    refusals(&lower, scenario, runs)?;
    area.present()?;
    Ok(())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// The share that fails, the learned threshold, and a static one.
fn rates(area: &Area<'_>, scenario: &Scenario, ours: &Run) -> Result<(), Box<dyn Error>> {
    let highest = ours.seconds.iter().map(|s| s.failing).fold(0.15, f64::max);
    let minutes = f64::from(scenario.seconds) / 60.0;
    let mut chart = ChartBuilder::on(area)
        .caption(scenario.name, ("sans-serif", 18))
        .margin_right(RIGHT)
        .set_label_area_size(LabelAreaPosition::Left, LEFT)
        .set_label_area_size(LabelAreaPosition::Bottom, 30)
        .build_cartesian_2d(0.0..minutes, 0.0..highest * 110.0)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_desc("minutes")
        .y_desc("% of calls that fail")
        .draw()?;
    chart.draw_series(scenario.incidents.iter().map(|&(from, until)| {
        let at = |second: u32| f64::from(second) / 60.0;
        Rectangle::new(
            [(at(from), 0.0), (at(until), highest * 110.0)],
            DOWN.filled(),
        )
    }))?;
    let points = |of: fn(&Second) -> Option<f64>| {
        let every = (ours.seconds.len() / 600).max(1);
        let shown = ours.seconds.iter().enumerate().step_by(every);
        let points = shown.filter_map(|(n, s)| Some((n as f64 / 60.0, of(s)? * 100.0)));
        points.collect::<Vec<_>>()
    };
    let mut line = |of, colour: RGBColor, label: &'static str| -> Result<(), Box<dyn Error>> {
        chart
            .draw_series(LineSeries::new(points(of), colour.stroke_width(2)))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
        Ok(())
    };
    line(|s| Some(s.failing), FAILING, "fails")?;
    line(|s| s.threshold, LEARNED, "learned threshold")?;
    line(|_| Some(0.10), FIXED, "static 10 %")?;
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    Ok(())
}

/// A strip for each contender: red where it refused calls.
fn refusals(
    area: &Area<'_>,
    scenario: &Scenario,
    runs: &[(&'static str, Run)],
) -> Result<(), Box<dyn Error>> {
    let width = f64::from(SIZE.0 as i32 - LEFT - RIGHT);
    let x = |second: u32| LEFT + (f64::from(second) / f64::from(scenario.seconds) * width) as i32;
    for (row, (name, run)) in runs.iter().enumerate() {
        let top = row as i32 * ROW + 2;
        let bottom = top + ROW - 6;
        area.draw(&Text::new(*name, (8, top + 2), ("sans-serif", 13)))?;
        let strip = [(LEFT, top), (SIZE.0 as i32 - RIGHT, bottom)];
        area.draw(&Rectangle::new(strip, RGBColor(238, 244, 238).filled()))?;
        for &(from, until) in &scenario.incidents {
            area.draw(&Rectangle::new(
                [(x(from), top), (x(until), bottom)],
                DOWN.filled(),
            ))?;
        }
        for (from, until) in stretches(&run.seconds) {
            let right = x(until).max(x(from) + 1);
            area.draw(&Rectangle::new(
                [(x(from), top), (right, bottom)],
                REFUSED.filled(),
            ))?;
        }
    }
    Ok(())
}

/// From and until of each stretch of refusing seconds.
fn stretches(seconds: &[Second]) -> Vec<(u32, u32)> {
    let mut all: Vec<(u32, u32)> = Vec::new();
    for (second, _) in (0..).zip(seconds).filter(|(_, second)| second.refuses()) {
        match all.last_mut() {
            Some((_, until)) if *until == second => *until += 1,
            _ => all.push((second, second + 1)),
        }
    }
    all
}
