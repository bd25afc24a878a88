//! A run as pictures, with the faults as bands behind them.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::faults::Band;
use crate::record::Second;
use crate::scrape::label;
use crate::soak::Run;

type Drawing = fn(&Path, &Run) -> Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// File, title and what draws it.
pub(crate) const PICTURES: [(&str, &str, Drawing); 4] = [
    ("throughput.svg", "Requests a second", throughput),
    ("latency.svg", "Latency", latency),
    ("errors.svg", "Errors by code", errors),
    ("states.svg", "Breakers, ejections, instances", states),
];

const WIDTH: u32 = 960;
const HEIGHT: u32 = 320;
const LEFT: u32 = 190;
const RIGHT: u32 = 20;
const ROW: i32 = 20;

const BAND: RGBColor = RGBColor(255, 226, 214);
const GOOD: RGBColor = RGBColor(0, 120, 80);
const BAD: RGBColor = RGBColor(200, 40, 40);
const HALF: RGBColor = RGBColor(230, 160, 0);
const PLAIN: RGBColor = RGBColor(0, 110, 180);
const REST: RGBColor = RGBColor(238, 244, 238);
const COLOURS: [RGBColor; 7] = [
    BAD,
    PLAIN,
    HALF,
    RGBColor(120, 60, 160),
    GOOD,
    RGBColor(90, 90, 90),
    RGBColor(0, 170, 190),
];

/// Writes every picture into the folder.
pub(crate) fn draw(folder: &Path, run: &Run) -> Result<(), Box<dyn Error>> {
    for (file, _, drawing) in PICTURES {
        drawing(&folder.join(file), run)?;
    }
    Ok(())
}

fn canvas(path: &Path, height: u32) -> Result<Area<'_>, Box<dyn Error>> {
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    Ok(area)
}

fn throughput(path: &Path, run: &Run) -> Result<(), Box<dyn Error>> {
    let points = |of: fn(&Second) -> u32| points(run, |second| Some(f64::from(of(second))));
    let lines = vec![
        ("answered with 2xx", GOOD, points(|second| second.good)),
        ("refused (4xx)", HALF, points(|second| second.refused)),
        ("failed", BAD, points(|second| second.failed)),
    ];
    chart(path, run, "requests/s", whole, lines)
}

fn latency(path: &Path, run: &Run) -> Result<(), Box<dyn Error>> {
    // Decades, as the slowest are a thousand times the quickest.
    let of = |quantile| {
        points(run, move |second| {
            Some(second.latency.millis(quantile)?.max(0.1).log10())
        })
    };
    let lines = vec![("P50", PLAIN, of(0.5)), ("P99", BAD, of(0.99))];
    chart(
        path,
        run,
        "ms",
        |decades| format!("{:.0}", 10_f64.powf(decades)),
        lines,
    )
}

fn errors(path: &Path, run: &Run) -> Result<(), Box<dyn Error>> {
    let mut codes: Vec<&str> = Vec::new();
    for second in &run.record.seconds {
        for code in second.codes.keys() {
            if !codes.contains(&code.as_str()) {
                codes.push(code);
            }
        }
    }
    codes.sort_unstable();
    let lines = codes.iter().zip(COLOURS.iter().cycle());
    let lines = lines.map(|(code, colour)| {
        let of = |second: &Second| Some(f64::from(second.codes.get(*code).copied().unwrap_or(0)));
        (*code, *colour, points(run, of))
    });
    chart(path, run, "errors/s", whole, lines.collect())
}

fn points(run: &Run, of: impl Fn(&Second) -> Option<f64>) -> Vec<(f64, f64)> {
    let seconds = run.record.seconds.iter().enumerate();
    seconds
        .filter_map(|(at, second)| Some((at as f64, of(second)?)))
        .collect()
}

type Line<'a> = (&'a str, RGBColor, Vec<(f64, f64)>);

fn chart(
    path: &Path,
    run: &Run,
    unit: &str,
    written: fn(f64) -> String,
    lines: Vec<Line<'_>>,
) -> Result<(), Box<dyn Error>> {
    let highest = lines.iter().flat_map(|line| &line.2);
    let highest = highest.map(|point| point.1).fold(1.0, f64::max) * 1.15;
    let end = run.options.time.as_secs_f64();
    let area = canvas(path, HEIGHT)?;
    let mut chart = ChartBuilder::on(&area)
        .margin_top(30)
        .margin_right(RIGHT)
        .set_label_area_size(LabelAreaPosition::Left, LEFT)
        .set_label_area_size(LabelAreaPosition::Bottom, 36)
        .build_cartesian_2d(0.0..end, 0.0..highest)?;
    shade(&mut chart, &run.bands, highest)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("seconds")
        .y_desc(unit)
        .x_label_formatter(&|second| whole(*second))
        .y_label_formatter(&|value| written(*value))
        .draw()?;
    for (name, colour, points) in lines {
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(1)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::Coordinate(4, 10))
        .draw()?;
    captions(&area, &run.bands, end)?;
    Ok(area.present()?)
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn shade(chart: &mut Chart<'_, '_>, bands: &[Band], highest: f64) -> Result<(), Box<dyn Error>> {
    let shapes = bands
        .iter()
        .map(|band| Rectangle::new([(band.from, 0.0), (band.until, highest)], BAND.filled()));
    chart.draw_series(shapes)?;
    Ok(())
}

/// Names of the faults, at two heights so that neighbours do not collide.
fn captions(area: &Area<'_>, bands: &[Band], end: f64) -> Result<(), Box<dyn Error>> {
    for (number, band) in bands.iter().enumerate() {
        let spot = (across(band.from, end), 2 + 13 * (number as i32 % 2));
        area.draw(&Text::new(band.name, spot, ("sans-serif", 12)))?;
    }
    Ok(())
}

/// Where a second lies on the picture.
fn across(second: f64, end: f64) -> i32 {
    let width = f64::from(WIDTH - LEFT - RIGHT);
    LEFT as i32 + (second / end * width) as i32
}

/// A row of a strip chart: a name, and seconds with a colour.
struct Row {
    name: String,
    marks: Vec<(u32, RGBColor)>,
}

/// Instances that are away, breakers that are not closed, ejections.
fn rows(run: &Run) -> Vec<Row> {
    let last = run.record.seconds.len() as u32;
    let mut rows: Vec<Row> = run
        .series
        .instances()
        .map(|instance| Row {
            name: format!("{instance} is away"),
            marks: (1..last)
                .filter(|second| !run.series.is_up(instance, *second))
                .map(|second| (second, BAD))
                .collect(),
        })
        .collect();
    for (instance, key, points) in run.series.find("shoal_breaker_state", &[]) {
        let dependency = label(key, "dependency").unwrap_or_default();
        let marks: Vec<_> = points
            .iter()
            .filter(|point| point.1 > 0.5)
            .map(|point| (point.0, if point.1 > 1.5 { BAD } else { HALF }))
            .collect();
        if !marks.is_empty() {
            let name = format!("breaker {instance} → {dependency}");
            rows.push(Row { name, marks });
        }
    }
    for (instance, key, points) in run.series.find("shoal_ejected_instances", &[]) {
        let dependency = label(key, "dependency").unwrap_or_default();
        let marks: Vec<_> = points.iter().filter(|point| point.1 > 0.5).collect();
        if !marks.is_empty() {
            let marks = marks.iter().map(|point| (point.0, BAD)).collect();
            let name = format!("ejected by {instance}: {dependency}");
            rows.push(Row { name, marks });
        }
    }
    rows
}

fn states(path: &Path, run: &Run) -> Result<(), Box<dyn Error>> {
    let end = run.options.time.as_secs_f64();
    let rows = rows(run);
    let area = canvas(path, 90 + ROW as u32 * rows.len() as u32)?;
    captions(&area, &run.bands, end)?;
    for (number, row) in rows.iter().enumerate() {
        let top = 34 + number as i32 * ROW;
        let bottom = top + ROW - 5;
        area.draw(&Text::new(
            row.name.as_str(),
            (6, top + 2),
            ("sans-serif", 12),
        ))?;
        let strip = |from: f64, until: f64, colour: RGBColor| {
            let right = across(until, end).max(across(from, end) + 1);
            Rectangle::new([(across(from, end), top), (right, bottom)], colour.filled())
        };
        area.draw(&strip(0.0, end, REST))?;
        for band in &run.bands {
            area.draw(&strip(band.from, band.until, BAND))?;
        }
        for (second, colour) in &row.marks {
            let second = f64::from(*second);
            area.draw(&strip(second - 1.0, second, *colour))?;
        }
    }
    let foot = 34 + rows.len() as i32 * ROW + 14;
    let text = "red: away, open or ejected; yellow: half open; seconds from left to right";
    area.draw(&Text::new(text, (LEFT as i32, foot), ("sans-serif", 12)))?;
    Ok(area.present()?)
}
