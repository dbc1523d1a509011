//! The requests of a step as a picture: two lines of life, an arrow a request in the order of arrival, and back the
//! status that it was answered with.

use crate::report::visible::clipped;
use crate::report::visible::html as shown;
use crate::wire::Exchange;
use maud::{Markup, html};

/// Requests in a picture; more are counted below it.
const MOST: usize = 12;

/// Bytes of a word in the picture.
const WORD: usize = 300;

/// Places in the picture's own units, which are pixels on a narrow screen.
const WIDTH: usize = 340;
const TARGET: usize = 64;
const ENGINE: usize = 330;
const TOP: usize = 24;
const EACH: usize = 46;

pub(super) fn picture(wire: &[Exchange]) -> Markup {
    let drawn = wire.len().min(MOST);
    let height = TOP + drawn * EACH + if wire.len() > drawn { 20 } else { 4 };
    let middle = usize::midpoint(TARGET, ENGINE);
    html! {
        svg.wire viewBox={ "0 0 " (WIDTH) " " (height) } width=(WIDTH) height=(height) role="img"
            aria-label={ "the requests of the step, " (wire.len()) " in all" } {
            text x=(TARGET) y="12" text-anchor="middle" { "target" }
            text x=(ENGINE) y="12" text-anchor="end" { "engine" }
            @for x in [TARGET, ENGINE] { line.life x1=(x) x2=(x) y1="18" y2=(TOP + drawn * EACH) {} }
            @for (place, exchange) in wire.iter().take(MOST).enumerate() {
                @let y = TOP + place * EACH + 16;
                @let back = y + 20;
                @let failed = exchange.reply.status != 200;
                g {
                    title { (shown(&exchange.operation, WORD)) }
                    text.time x=(TARGET - 6) y=(y + 4) text-anchor="end" { (time(exchange.at_micros)) }
                    text x=(middle) y=(y - 4) text-anchor="middle" { (shown(&clipped(&exchange.operation, 30), WORD)) }
                    line.ask x1=(TARGET) x2=(ENGINE - 7) y1=(y) y2=(y) {}
                    path.head d={ "M" (ENGINE) " " (y) "l-8 -4v8z" } {}
                    text.(if failed { "bad" } else { "good" }) x=(middle) y=(back - 4) text-anchor="middle" { (shown(&clipped(&answer(exchange), 36), WORD)) }
                    line.answer.(if failed { "bad" } else { "good" }) x1=(TARGET + 7) x2=(ENGINE) y1=(back) y2=(back) {}
                    path.head.(if failed { "bad" } else { "good" }) d={ "M" (TARGET) " " (back) "l8 -4v8z" } {}
                }
            }
            @if wire.len() > drawn { text x=(middle) y=(height - 6) text-anchor="middle" { "and " (wire.len() - drawn) " more" } }
        }
    }
}

fn answer(exchange: &Exchange) -> String {
    let status = exchange.reply.status;
    exchange.reply.error_name().map_or_else(|| status.to_string(), |name| format!("{status} {name}"))
}

fn time(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{:.1} ms", micros as f64 / 1_000.0),
        10_000..10_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{} s", micros / 1_000_000),
    }
}
