//! SVG plots for the measurement pages: lines over time and horizontal bars. They have axes with units and are readable on
//! light and dark pages. Must not know what is measured.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 16.0;
/// Colours with enough contrast on white and on dark pages; the rest follows the page's colour scheme.
const COLORS: [&str; 4] = ["#2f81f7", "#db6d28", "#2da44e", "#a371f7"];
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#1f2328}.axis{stroke:#656d76}.grid{stroke:#d0d7de}\
.title{font-weight:600;font-size:14px}.note{fill:#656d76}.page{fill:#ffffff}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.axis{stroke:#8d96a0}.grid{stroke:#30363d}.note{fill:#8d96a0}\
.page{fill:#0d1117}}";

/// One line of a [`line_chart`].
pub(crate) struct Line {
    pub(crate) name: String,
    /// Points in the order of x.
    pub(crate) points: Vec<(f64, f64)>,
}

/// One bar of a [`bar_chart`].
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    /// The value with its unit, as it stands beside the bar.
    pub(crate) label: String,
}

/// Lines over a common x axis; both axes begin at zero.
pub(crate) fn line_chart(title: &str, x_label: &str, y_label: &str, lines: &[Line]) -> String {
    const TOP: f64 = 58.0;
    const HEIGHT: f64 = 320.0;
    let bottom = HEIGHT - 48.0;
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let x_step = nice_step(points().map(|(x, _)| *x).fold(0.0, f64::max), 8.0);
    let y_step = nice_step(points().map(|(_, y)| *y).fold(0.0, f64::max), 6.0);
    let x_max = axis_end(points().map(|(x, _)| *x).fold(0.0, f64::max), x_step);
    let y_max = axis_end(points().map(|(_, y)| *y).fold(0.0, f64::max), y_step);
    let x_at = |x: f64| LEFT + x / x_max * (WIDTH - LEFT - RIGHT);
    let y_at = |y: f64| bottom - y / y_max * (bottom - TOP);
    let mut svg = open(title, HEIGHT);
    put_legend(&mut svg, lines);
    for y in ticks(y_max, y_step) {
        let place = y_at(y);
        let class = if y > 0.0 { "grid" } else { "axis" };
        put(
            &mut svg,
            format_args!(
                "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{place:.1}\" y2=\"{place:.1}\"/>",
                WIDTH - RIGHT
            ),
        );
        put(
            &mut svg,
            format_args!(
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                place + 4.0,
                number(y)
            ),
        );
    }
    for x in ticks(x_max, x_step) {
        put(
            &mut svg,
            format_args!(
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                x_at(x),
                bottom + 18.0,
                number(x)
            ),
        );
    }
    put_x_title(&mut svg, LEFT.midpoint(WIDTH - RIGHT), HEIGHT - 10.0, x_label);
    put_y_title(&mut svg, TOP.midpoint(bottom), y_label);
    for (line, color) in lines.iter().zip(COLORS.iter().cycle()) {
        let points: Vec<String> = line.points.iter().map(|(x, y)| format!("{:.1},{:.1}", x_at(*x), y_at(*y))).collect();
        put(
            &mut svg,
            format_args!(
                "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" points=\"{}\"/>",
                points.join(" ")
            ),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Horizontal bars with their values; the axis begins at zero.
pub(crate) fn bar_chart(title: &str, x_label: &str, bars: &[Bar]) -> String {
    const ROW: f64 = 24.0;
    const TOP: f64 = 40.0;
    const NAMES: f64 = 300.0;
    /// Room for the label after the longest bar.
    const LABEL: f64 = 96.0;
    let rows = f64::from(u32::try_from(bars.len()).unwrap_or_default());
    let (bottom, height) = (TOP + rows * ROW, TOP + rows * ROW + 46.0);
    let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let step = nice_step(most, 5.0);
    let x_max = axis_end(most, step);
    let x_at = |x: f64| NAMES + x / x_max * (WIDTH - NAMES - LABEL);
    let mut svg = open(title, height);
    for x in ticks(x_max, step) {
        let (place, class) = (x_at(x), if x > 0.0 { "grid" } else { "axis" });
        put(
            &mut svg,
            format_args!("<line class=\"{class}\" x1=\"{place:.1}\" x2=\"{place:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>"),
        );
        put(
            &mut svg,
            format_args!("<text x=\"{place:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>", bottom + 16.0, number(x)),
        );
    }
    let mut top = TOP;
    for bar in bars {
        let color = COLORS[0];
        put(
            &mut svg,
            format_args!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                NAMES - 8.0,
                top + 16.0,
                escaped(&bar.name)
            ),
        );
        put(
            &mut svg,
            format_args!(
                "<rect x=\"{NAMES}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" fill=\"{color}\"/>",
                top + 4.0,
                x_at(bar.value) - NAMES,
                ROW - 8.0
            ),
        );
        put(
            &mut svg,
            format_args!(
                "<text x=\"{:.1}\" y=\"{}\">{}</text>",
                x_at(bar.value) + 6.0,
                top + 16.0,
                escaped(&bar.label)
            ),
        );
        top += ROW;
    }
    put_x_title(&mut svg, NAMES.midpoint(WIDTH - LABEL), height - 8.0, x_label);
    svg.push_str("</svg>\n");
    svg
}

/// Names of the lines with their colours, below the title.
fn put_legend(svg: &mut String, lines: &[Line]) {
    let mut at = LEFT;
    for (line, color) in lines.iter().zip(COLORS.iter().cycle()) {
        put(svg, format_args!("<rect x=\"{at:.0}\" y=\"34\" width=\"12\" height=\"4\" fill=\"{color}\"/>"));
        put(svg, format_args!("<text x=\"{:.0}\" y=\"40\">{}</text>", at + 18.0, escaped(&line.name)));
        at += 34.0 + 7.0 * f64::from(u32::try_from(line.name.chars().count()).unwrap_or_default());
    }
}

/// The unit of the x axis, centred below it.
fn put_x_title(svg: &mut String, x: f64, y: f64, title: &str) {
    put(svg, format_args!("<text class=\"note\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", escaped(title)));
}

/// The unit of the y axis, centred beside it.
fn put_y_title(svg: &mut String, y: f64, title: &str) {
    let place = format!("x=\"16\" y=\"{y}\" text-anchor=\"middle\" transform=\"rotate(-90 16 {y})\"");
    put(svg, format_args!("<text class=\"note\" {place}>{}</text>", escaped(title)));
}

fn open(title: &str, height: f64) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{title}\">\n<style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n<text class=\"title\" x=\"16\" y=\"20\">{title}</text>\n"
    )
}

fn put(svg: &mut String, element: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(svg, "{element}");
}

/// A step of 1, 2 or 5 times a power of ten that divides the axis into at most this many parts.
fn nice_step(most: f64, parts: f64) -> f64 {
    let raw = (most / parts).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= raw).unwrap_or(raw)
}

fn axis_end(most: f64, step: f64) -> f64 {
    ((most / step).ceil() * step).max(step)
}

fn ticks(end: f64, step: f64) -> impl Iterator<Item = f64> {
    (0_u32..).map(move |at| f64::from(at) * step).take_while(move |value| *value <= end * 1.001)
}

/// A number with separators between thousands and without needless digits.
fn number(value: f64) -> String {
    if value < 1000.0 {
        let text = format!("{value:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{Bar, Line, bar_chart, line_chart, nice_step, number};

    #[test]
    fn axes_have_round_steps() {
        assert_eq!((nice_step(68.8, 6.0), nice_step(600.0, 8.0), nice_step(118_300.0, 5.0)), (20.0, 100.0, 50_000.0));
        assert_eq!((number(1_250_000.0), number(0.5), number(20.0)), ("1,250,000".into(), "0.5".into(), "20".into()));
    }

    #[test]
    fn every_point_and_bar_lies_inside_the_plot() {
        let points = vec![(0.0, 1.0), (10.0, 55.0)];
        let svg = line_chart("Memory", "seconds", "MB", &[Line { name: "SQLite".to_owned(), points }]);
        assert!(svg.contains("points=\"62.0,") && svg.contains("prefers-color-scheme:dark"), "{svg}");
        let bar = Bar { name: "a < b".to_owned(), value: 3.0, label: "3/s".to_owned() };
        let svg = bar_chart("Rates", "per second", &[bar]);
        assert!(svg.contains("a &lt; b") && svg.ends_with("</svg>\n"), "{svg}");
    }

    #[test]
    fn a_plot_without_values_has_axes_of_a_finite_length() {
        let svg = bar_chart("Rates", "per second", &[]) + &line_chart("Memory", "seconds", "MB", &[]);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
