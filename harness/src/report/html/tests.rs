//! The page as text, its safety against hostile text, its links, its size.

use super::*;
use crate::report::sample::{self, HOSTILE};
use std::collections::BTreeMap;

fn sample_page(sample: &sample::Sample) -> String {
    let mut earlier = Past::of(&sample.evidence(), 1_764_000_000);
    earlier.findings = 5;
    let runs = [earlier, Past::of(&sample.evidence(), 1_764_043_200)];
    page(&sample.evidence(), &runs, Path::new("out"))
}

/// A piece of a page: a tag with its attributes, or text as a reader sees it.
enum Piece {
    Tag(String),
    Text(String),
}

/// Takes a page apart. The writer escapes `<` and `>` in text and in attributes, so tags are what is between them.
fn pieces(page: &str) -> Vec<Piece> {
    let mut list = Vec::new();
    let mut rest = page;
    while let Some((text, tag_on)) = rest.split_once('<') {
        let (tag, after) = tag_on.split_once('>').expect("a tag ends");
        assert!(!text.contains('>') && !tag.contains('<'), "{text:?} {tag:?}");
        let seen =
            text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        list.push(Piece::Text(seen));
        list.push(Piece::Tag(tag.to_owned()));
        rest = after;
        // What a browser reads as text up to the closing tag.
        for word in ["style", "script"] {
            if tag == word {
                rest = &rest[rest.find(&format!("</{word}>")).expect("it is closed")..];
            }
        }
    }
    list
}

/// What a reader sees, a line a block.
fn text_of(page: &str) -> String {
    const INLINE: [&str; 13] =
        ["a", "b", "code", "i", "kbd", "mark", "small", "span", "/a", "/b", "option", "/option", "input"];
    let mut text = String::new();
    for piece in pieces(page) {
        match piece {
            Piece::Text(seen) => text.push_str(&seen),
            Piece::Tag(tag) => {
                let name = tag.split_whitespace().next().unwrap_or_default();
                match name {
                    "span" | "td" | "th" | "code" | "option" | "dd" => text.push(' '),
                    name if INLINE.contains(&name) || INLINE.contains(&name.trim_start_matches('/')) => {}
                    _ => text.push('\n'),
                }
            }
        }
    }
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n") + "\n"
}

fn attributes(page: &str, name: &str) -> Vec<String> {
    let start = format!(" {name}=\"");
    let tags = pieces(page).into_iter().filter_map(|piece| match piece {
        Piece::Tag(tag) => Some(tag),
        Piece::Text(_) => None,
    });
    tags.filter_map(|tag| {
        let (_, on) = tag.split_once(&start)?;
        on.split_once('"').map(|(value, _)| value.to_owned())
    })
    .collect()
}

#[test]
fn the_sample_reads_well() {
    sample::snapshot("index.html", &text_of(&sample_page(&sample::run())));
}

#[test]
fn hostile_text_stays_text() {
    let page = sample_page(&sample::run());
    const TAGS: [&str; 55] = [
        "!DOCTYPE", "a", "article", "b", "body", "button", "code", "dd", "details", "div", "dl", "dt",
        "footer", "form", "g", "h1", "h2", "h3", "h4", "head", "header", "html", "i", "input", "kbd",
        "label", "li", "line", "link", "main", "mark", "meta", "meter", "ol", "option", "output", "p",
        "path", "pre", "rect", "script", "section", "select", "small", "span", "style", "summary", "svg",
        "table", "td", "text", "th", "title", "tr", "ul",
    ];
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for piece in pieces(&page) {
        let Piece::Tag(tag) = piece else { continue };
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap_or_default().to_owned();
        assert!(TAGS.contains(&name.as_str()), "<{tag}>");
        let handler =
            tag.split_whitespace().skip(1).any(|part| part.starts_with("on") || part.starts_with("style="));
        assert!(!handler || tag.starts_with("option") || tag.starts_with("meta"), "<{tag}>");
        *count.entry(tag).or_default() += 1;
    }
    assert_eq!((count.get("script"), count.get("style")), (Some(&1), Some(&1)));
    assert!(!page.contains(['\u{202e}', '\u{200b}']), "a mark of direction is in the page");
    // It is there to be read, with its marks named.
    let seen = HOSTILE.replace('\u{202e}', "U+202E").replace('\u{200b}', "U+200B");
    assert!(text_of(&page).contains(&seen));
}

#[test]
fn the_policy_allows_this_style_and_this_script_alone() {
    let page = sample_page(&sample::run());
    for word in ["style", "script"] {
        let (_, on) = page.split_once(&format!("<{word}>")).expect("it is there");
        let (inside, _) = on.split_once(&format!("</{word}>")).expect("it is closed");
        let digest = STANDARD.encode(Sha256::digest(inside.as_bytes()));
        assert!(
            page.contains(&format!("{word}-src &#39;sha256-{digest}&#39;"))
                || page.contains(&format!("{word}-src 'sha256-{digest}'"))
        );
    }
    assert!(page.contains("default-src"));
    for source in attributes(&page, "src").into_iter().chain(attributes(&page, "href")) {
        assert!(!source.contains("//"), "{source} leads out of the folder");
    }
}

#[test]
fn each_link_leads_somewhere_and_each_finding_is_told_once() {
    let page = sample_page(&sample::run());
    let ids = attributes(&page, "id");
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "an id stands twice");
    let links = attributes(&page, "href");
    let inner: Vec<&str> = links.iter().filter_map(|link| link.strip_prefix('#')).collect();
    assert!(inner.len() >= 3, "{links:?}");
    for link in inner {
        assert!(ids.iter().any(|id| id == link), "#{link}");
    }
    assert!(links.iter().any(|link| link == "failures/frame-3fa1%20%231.case.json"), "{links:?}");
    let sample = sample::run();
    for finding in sample.outcome.rows.iter().flat_map(|row| &row.findings) {
        let stem = crate::engine::finding::Finding::stem(
            &finding.property,
            &finding.target,
            &finding.violation.identity,
        );
        assert_eq!(ids.iter().filter(|id| **id == stem).count(), 1);
    }
}

#[test]
fn a_page_of_fifty_great_hostile_findings_is_below_two_megabytes() {
    let mut sample = sample::run();
    let great = "&\u{202e}<\"".repeat(20_000);
    let mut findings = Vec::new();
    for number in 0..50 {
        let mut finding = sample::finding("frame", "alpha", &format!("{number} {great}"));
        finding.violation.title = great.clone();
        finding.violation.observed = great.clone();
        finding.violation.expected = format!("{great}\n").repeat(5);
        finding.library = great.clone();
        finding.accepted = Some(great.clone());
        finding.explain.matters = vec![great.clone(); 10];
        finding.faults = vec![great.clone(); 3];
        let step = finding.case.runs[0].program[1].clone();
        finding.case.runs[0].program.extend(std::iter::repeat_n(step, 2_000));
        let wire = finding.wire[1].clone();
        finding.wire = std::iter::repeat_n(wire, 1_000).collect();
        findings.push(finding);
    }
    sample.outcome.rows[0].findings = findings;
    let page = sample_page(&sample);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert_eq!(page.matches("<article").count(), 53);
}

#[test]
fn a_run_with_two_thousand_findings_names_them_all_and_stays_readable() {
    let mut sample = sample::run();
    sample.outcome.rows[0].findings =
        (0..2_000).map(|number| sample::finding("frame", "alpha", &number.to_string())).collect();
    let page = sample_page(&sample);
    assert_eq!(page.matches("<article").count(), 2_003);
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
}

#[test]
#[ignore = "writes the sample's page for ci/page, which looks at it in a browser"]
fn writes_the_sample() {
    let path = std::env::var_os("PROOFHOUSE_SAMPLE").expect("PROOFHOUSE_SAMPLE names the file");
    crate::engine::campaign::write_report(Path::new(&path), &sample_page(&sample::run())).expect("written");
}
