//! The picture itself, drawn by plotters: succeeded above, failed and retried
//! below on their own scale, since 3 % failures vanish under 97 % success.

use super::{
    Theme,
    series::{COLUMNS, Column},
};
use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

const SIZE: (u32, u32) = (960, 320);

struct Palette {
    surface: RGBColor,
    line: RGBColor,
    ink: RGBColor,
    succeeded: RGBColor,
    succeeded_line: RGBColor,
    failed: RGBColor,
    retried: RGBColor,
    unknown: RGBColor,
}

const fn rgb(hex: u32) -> RGBColor {
    RGBColor((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

impl Theme {
    fn palette(self) -> Palette {
        match self {
            Self::Light => Palette {
                surface: rgb(0xff_ffff),
                line: rgb(0xe4_e4dc),
                ink: rgb(0x64_665c),
                succeeded: rgb(0xcd_e5d5),
                succeeded_line: rgb(0x2f_8f55),
                failed: rgb(0xc2_281b),
                retried: rgb(0xc9_8718),
                unknown: rgb(0xf0_f0ea),
            },
            Self::Dark => Palette {
                surface: rgb(0x17_1816),
                line: rgb(0x29_2a26),
                ink: rgb(0x95_978c),
                succeeded: rgb(0x1d_3a29),
                succeeded_line: rgb(0x4f_a870),
                failed: rgb(0xdf_4b3c),
                retried: rgb(0xe2_a644),
                unknown: rgb(0x1c_1d1a),
            },
        }
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failure<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;
type Panel<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws the columns as an SVG document.
pub(crate) fn outcomes(columns: &[Column], theme: Theme) -> Result<String, String> {
    let mut svg = String::new();
    draw(&mut svg, columns, &theme.palette()).map_err(|error| error.to_string())?;
    Ok(svg)
}

fn draw<'a>(svg: &'a mut String, columns: &[Column], palette: &Palette) -> Result<(), Failure<'a>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&palette.surface)?;
    let (upper, lower) = root.split_vertically(SIZE.1 / 2);
    let known = |pick: fn(&[f64; 3]) -> f64| {
        move |(place, column): (usize, &Column)| Some((place as f64, pick(column.rates.as_ref()?)))
    };
    let succeeded: Vec<_> = columns
        .iter()
        .enumerate()
        .filter_map(known(|r| r[0]))
        .collect();
    let failed: Vec<_> = columns
        .iter()
        .enumerate()
        .filter_map(known(|r| r[1]))
        .collect();
    let troubled: Vec<_> = columns
        .iter()
        .enumerate()
        .filter_map(known(|r| r[1] + r[2]))
        .collect();

    let mut panel = frame(&upper, "succeeded per second", columns, &succeeded, palette)?;
    for run in runs(&succeeded) {
        panel.draw_series(AreaSeries::new(
            run.iter().flat_map(|(x, y)| [(*x, *y), (x + 1.0, *y)]),
            0.0,
            palette.succeeded,
        ))?;
        panel.draw_series(LineSeries::new(
            run.iter().flat_map(|(x, y)| [(*x, *y), (x + 1.0, *y)]),
            &palette.succeeded_line,
        ))?;
    }

    let caption = "failed (below) and retried per second, own scale";
    let mut panel = frame(&lower, caption, columns, &troubled, palette)?;
    let bar = |(x, y): &(f64, f64), colour: RGBColor| {
        Rectangle::new([(x + 0.1, 0.0), (x + 0.9, *y)], colour.filled())
    };
    panel.draw_series(troubled.iter().map(|point| bar(point, palette.retried)))?;
    panel.draw_series(failed.iter().map(|point| bar(point, palette.failed)))?;
    root.present()
}

/// Draws a panel's axes and marks the minutes that are not known.
fn frame<'p, 'a>(
    area: &'p Area<'a>,
    caption: &str,
    columns: &[Column],
    points: &[(f64, f64)],
    palette: &Palette,
) -> Result<Panel<'p, 'a>, Failure<'a>> {
    let most = points.iter().map(|(_, y)| *y).fold(0.0, f64::max);
    let top = if most > 0.0 { most * 1.15 } else { 1.0 };
    let text = ("sans-serif", 12).into_font().color(&palette.ink);
    area.draw(&Text::new(
        caption.to_owned(),
        (56, 6),
        text.clone().pos(Pos::new(HPos::Left, VPos::Top)),
    ))?;
    let mut panel = ChartBuilder::on(area)
        .margin_top(24)
        .margin_right(16)
        .x_label_area_size(22)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..COLUMNS as f64, 0.0..top)?;
    let label = |x: &f64| {
        columns
            .get(*x as usize)
            .map(|column| column.label.clone())
            .unwrap_or_default()
    };
    panel
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(palette.line)
        .axis_style(palette.line)
        .x_labels(6)
        .y_labels(4)
        .x_label_formatter(&label)
        .y_label_formatter(&|y| format!("{y:.1}"))
        .label_style(text)
        .draw()?;
    let unknown = columns
        .iter()
        .enumerate()
        .filter(|(_, c)| c.rates.is_none());
    panel.draw_series(unknown.map(|(place, _)| {
        let x = place as f64;
        Rectangle::new([(x, 0.0), (x + 1.0, top)], palette.unknown.filled())
    }))?;
    Ok(panel)
}

/// Splits points into runs without holes, so that no line bridges a gap.
fn runs(points: &[(f64, f64)]) -> impl Iterator<Item = &[(f64, f64)]> {
    points.chunk_by(|a, b| (b.0 - a.0 - 1.0).abs() < 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(rates: Option<[f64; 3]>) -> Column {
        Column {
            label: "10:00".to_owned(),
            rates,
        }
    }

    #[test]
    fn a_gap_is_not_bridged() {
        let points = [(0.0, 1.0), (1.0, 2.0), (5.0, 3.0)];
        let lengths: Vec<usize> = runs(&points).map(<[_]>::len).collect();
        assert_eq!(lengths, [2, 1]);
    }

    #[test]
    fn the_picture_shows_each_outcome_in_its_colour() {
        let mut columns = vec![column(None); COLUMNS];
        columns[59] = column(Some([10.0, 1.0, 2.0]));
        let svg = outcomes(&columns, Theme::Light).expect("it is drawn");
        assert!(svg.starts_with("<svg"));
        for colour in ["#CDE5D5", "#C2281B", "#C98718"] {
            assert!(svg.contains(colour), "{colour}");
        }
        let quiet = outcomes(&vec![column(None); COLUMNS], Theme::Dark).expect("it is drawn");
        assert!(!quiet.contains("#DF4B3C"), "nothing failed");
    }
}
