//! No text makes a parser panic or fall off its stack.

use super::*;
use proptest::prelude::*;

fn parse_all(text: &str) {
    let _ = parse_condition(text);
    let _ = parse_update(text);
    let _ = parse_projection(text);
    let _ = parse_key_condition(text);
}

#[test]
fn ten_thousand_brackets_nest_safely() {
    for text in ["(".repeat(10_000), "not ".repeat(10_000), "a[0]".repeat(10_000), "size(".repeat(10_000)] {
        parse_all(&text);
        parse_all(&text[..4_000]);
        parse_all(&format!("SET a = {}", &text[..4_000]));
    }
    let appends = format!("SET a = {}", "if_not_exists(a, ".repeat(200));
    parse_all(&appends);
}

fn soup() -> impl Strategy<Value = String> {
    let words = [
        "a",
        "b.c",
        "#n",
        ":v",
        "(",
        ")",
        ",",
        "=",
        "<>",
        "<",
        "AND",
        "OR",
        "NOT",
        "BETWEEN",
        "IN",
        "SET",
        "REMOVE",
        "ADD",
        "DELETE",
        "size(",
        "contains(",
        "list_append(",
        "if_not_exists(",
        "[0]",
        "[",
        "]",
        ".",
        "+",
        "-",
        "é",
        "_",
    ];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..40)
        .prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in ".*") {
        parse_all(&text);
    }

    #[test]
    fn any_row_of_words_is_parsed_or_refused(text in soup()) {
        parse_all(&text);
        let request = json!({
            "ConditionExpression": text, "UpdateExpression": text, "ProjectionExpression": text,
            "KeyConditionExpression": text,
            "ExpressionAttributeNames": { "#n": "x" }, "ExpressionAttributeValues": { ":v": { "N": "1" } },
        });
        for broken in check_request("UpdateItem", &request) {
            prop_assert!(broken.at.is_none_or(|at| at <= text.len()));
        }
    }
}
