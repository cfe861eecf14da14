//! The picture of a failover, as SVG: what the client's packets did, and the stages of the agent's incident, on one axis.

use crate::stream::Move;
use shunt::api::types::IncidentStatus;
use std::time::UNIX_EPOCH;

/// All in pixels.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 30.0;
const LANES: f64 = 58.0;
const LANE: f64 = 26.0;
const AXIS: f64 = LANES + 2.0 * LANE + 14.0;
const STAGES: f64 = AXIS + 44.0;
const ROW: f64 = 19.0;
/// Shown before the first event and after the last, in milliseconds.
const MARGIN: f64 = 120.0;
/// Between two marks of the axis, in milliseconds.
const MARK: f64 = 100.0;

/// Draws one failover; `None` if the incident has no link, or its time cannot be read.
pub(super) fn draw(incident: &IncidentStatus, step: &Move, rate: u32) -> Option<String> {
    let started = humantime::parse_rfc3339(&incident.started).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let since = |nanos: u64| (i128::from(nanos) - started.as_nanos() as i128) as f64 / 1e6;
    let gap = step.gap.as_secs_f64() * 1e3;
    let first = since(step.at);
    let last = first - gap;
    let stages = stages(incident);
    let begin = last.min(0.0) - MARGIN;
    let end = stages.iter().map(|(at, _)| *at).fold(first, f64::max) + 3.0 * MARGIN;
    let x = |ms: f64| LEFT + (ms - begin) / (end - begin) * (WIDTH - LEFT - RIGHT);
    let height = STAGES + ROW * stages.len() as f64 + 8.0;

    let mut svg = String::new();
    let mut put = |part: String| svg.push_str(&part);
    put(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" font-family=\"sans-serif\" \
         font-size=\"13\" fill=\"#1f2937\">\n<rect width=\"{WIDTH}\" height=\"{height:.0}\" rx=\"8\" fill=\"#ffffff\" \
         stroke=\"#d1d5db\"/>\n"
    ));
    put(text(
        LEFT,
        30.0,
        "start",
        &format!(
            "A client's {rate} packets a second while the fiber goes silent behind a router, its carrier up"
        ),
    ));
    let to = incident.to.as_deref().unwrap_or("another link");
    let lanes = [(incident.link.as_deref()?, begin, last, "#0f766e"), (to, first, end, "#b45309")];
    for (row, (name, from, until, colour)) in [0.0, 1.0].into_iter().zip(lanes) {
        let y = LANES + row * LANE;
        put(format!("<text x=\"14\" y=\"{:.0}\">{}</text>\n", y + 15.0, escape(name)));
        put(bar(x(from), x(until), y, colour));
    }
    put(format!(
        "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\" font-weight=\"bold\">silent for {gap:.0} ms</text>\n",
        x(f64::midpoint(last, first)),
        LANES + 28.0
    ));
    let mut mark = (begin / MARK).ceil() * MARK;
    while mark <= end {
        let at = x(mark);
        put(format!("<path d=\"M{at:.1} {AXIS}v6\" stroke=\"#6b7280\"/>\n"));
        put(format!(
            "<text x=\"{at:.1}\" y=\"{:.0}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#6b7280\">{mark:.0} ms</text>\n",
            AXIS + 19.0
        ));
        mark += MARK;
    }
    put(format!("<path d=\"M{LEFT} {AXIS}H{}\" stroke=\"#6b7280\"/>\n", WIDTH - RIGHT));
    for (row, (at, meaning)) in stages.iter().enumerate() {
        let y = STAGES + ROW * row as f64;
        put(format!(
            "<path d=\"M{0:.1} {LANES}V{y:.0}\" stroke=\"#9ca3af\" stroke-dasharray=\"3 3\"/>\n",
            x(*at)
        ));
        let label = format!("{at:.0} ms: {meaning}");
        // A label is as long as half the picture: it goes to the side that has the room.
        put(if x(*at) < WIDTH / 2.0 {
            text(x(*at) + 5.0, y + 2.0, "start", &label)
        } else {
            text(x(*at) - 5.0, y + 2.0, "end", &label)
        });
    }
    put("</svg>\n".to_owned());
    Some(svg)
}

fn stages(incident: &IncidentStatus) -> Vec<(f64, &'static str)> {
    let stages = [
        (Some(0.0), "the first probe that gets no answer is sent"),
        (Some(incident.detected_ms), "detected: a burst confirms that nothing answers"),
        (incident.decided_ms, "decided: the alternative answered just now"),
        (incident.switched_ms, "switched: the kernel holds the new route"),
        (incident.restored_ms, "restored: a forwarded packet came back over the new path"),
    ];
    stages.into_iter().filter_map(|(at, meaning)| Some((at?, meaning))).collect()
}

fn bar(from: f64, until: f64, y: f64, colour: &str) -> String {
    let (width, height) = ((until - from).max(0.0), LANE - 6.0);
    format!(
        "<rect x=\"{from:.1}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{height}\" rx=\"3\" fill=\"{colour}\"/>\n"
    )
}

fn text(x: f64, y: f64, anchor: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.0}\" text-anchor=\"{anchor}\">{}</text>\n", escape(text))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn all_of_a_failover_is_in_its_picture() {
        let incident = serde_json::json!({
            "number": 1, "family": "v4", "link": "fiber", "to": "l<e", "cause": "silent",
            "started": "2026-01-02T03:04:05.000Z", "detected_ms": 301.0, "decided_ms": 302.0, "switched_ms": 303.0,
            "restored_ms": 355.0, "verified_ms": 355.0, "recovered_ms": null, "ended_ms": null, "breach": false
        });
        let incident = serde_json::from_value(incident).unwrap();
        let at = humantime::parse_rfc3339("2026-01-02T03:04:05.350Z").unwrap();
        let at = u64::try_from(at.duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
        let step = Move { from: 1, to: 2, gap: Duration::from_millis(412), lost: 400, at };
        let svg = draw(&incident, &step, 1_000).unwrap();
        for part in
            ["silent for 412 ms", "301 ms: detected", "355 ms: restored", "l&lt;e", ">300 ms<", "</svg>"]
        {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }
}
