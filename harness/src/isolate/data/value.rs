//! Values of any type, from small pools, so that they collide; B's carry marks that nobody else has.

use crate::isolate::catalogue::{Catalogue, Column, Table, Type};

/// Whose value it is, and how many came before it.
#[derive(Clone, Copy, Debug)]
pub struct Flavour {
    /// `a`, `b`, `c` (crowd: one of thousands of B's), `s` (shared), `p` (probe: a row that B inserts later).
    pub who: char,
    /// World, 1 or 2; 0 where both worlds have it.
    pub world: usize,
    /// Counts up.
    pub number: usize,
    /// How often the row was refused so far: other shapes are tried.
    pub attempt: usize,
}

/// A value for a column.
pub fn shape(catalogue: &Catalogue, table: &Table, column: &Column, flavour: Flavour) -> Option<String> {
    let position = table.position(&column.name).unwrap_or(0);
    let mut literals = Vec::new();
    for constraint in table.constraints.iter().filter(|c| c.kind == 'c' && c.columns.contains(&position)) {
        literals.extend(candidates_of(&constraint.definition));
    }
    let kind = catalogue.types.get(&column.kind)?;
    let mut domain = Some(kind);
    while let Some(found) = domain.filter(|found| found.kind == 'd') {
        literals.extend(candidates_of(&found.checks));
        domain = catalogue.types.get(&found.base);
    }
    let base = catalogue.base(column.kind)?;
    if base.category == 'S' {
        literals.retain(|literal| column.limit.is_none_or(|limit| literal.chars().count() <= limit));
    }
    let numeric = base.category == 'N';
    literals.retain(|literal| literal.parse::<f64>().is_ok() == numeric || base.category == 'S');
    // Literals of a check are tried early, but B's own marks first where nothing speaks against them.
    let listed = !literals.is_empty() && flavour.attempt % 3 != 2;
    if listed && base.kind != 'e' && (numeric || base.category == 'S') && flavour.attempt % 3 < 2 {
        let pick = literals[(flavour.number + flavour.attempt / 3) % literals.len()].clone();
        return Some(pick);
    }
    of_type(catalogue, base, &column.name, column.limit, flavour, 0)
}

fn of_type(
    catalogue: &Catalogue,
    kind: &Type,
    name: &str,
    limit: Option<usize>,
    flavour: Flavour,
    depth: usize,
) -> Option<String> {
    let Flavour { who, world, number, attempt } = flavour;
    let n = number + attempt / 6;
    if kind.kind == 'e' {
        return kind.labels.get(n % kind.labels.len().max(1)).cloned();
    }
    if kind.kind == 'd' {
        let base = catalogue.types.get(&kind.base)?;
        return of_type(catalogue, base, name, limit, flavour, depth + 1);
    }
    if depth > 4 {
        return None;
    }
    let foreign = matches!(who, 'b' | 'c' | 'p');
    let year = match foreign {
        _ if flavour.early() => 2010,
        true => 2031 + world,
        false => 2024,
    };
    let (month, day) = (1 + n / 28 % 12, 1 + n % 28);
    Some(match kind.name.as_str() {
        "int2" => small(flavour, 20_000).to_string(),
        "int4" | "int8" | "numeric" | "float4" | "float8" | "money" | "oid" => {
            small(flavour, 700_000).to_string()
        }
        "bool" => if n % 2 == 0 { "true" } else { "false" }.to_owned(),
        "uuid" => {
            let head = match who {
                'a' => "aaaaaaaa",
                'b' => "bbbbbbbb",
                'c' if flavour.early() => "0c0c0c0c",
                'c' => "ffffffff",
                'p' => "dddddddd",
                _ => "cccccccc",
            };
            format!("{head}-000{world}-4000-8000-{:012x}", n + 1 + attempt % 6 * 4096)
        }
        "date" => format!("{year}-{month:02}-{day:02}"),
        "timestamp" => format!("{year}-{month:02}-{day:02} 10:00:00"),
        "timestamptz" => format!("{year}-{month:02}-{day:02} 10:00:00+00"),
        "time" | "timetz" => format!("{:02}:{:02}:00", 8 + world, n % 60),
        "interval" => format!("{} days", n + 1),
        "json" | "jsonb" => match attempt % 3 {
            0 => format!("{{\"note\": \"{}\"}}", word(name, None, flavour)),
            1 => format!("[\"{}\"]", word(name, None, flavour)),
            _ => "{}".to_owned(),
        },
        "bytea" => format!(
            "\\x{}",
            word(name, None, flavour).bytes().map(|b| format!("{b:02x}")).collect::<String>()
        ),
        "inet" | "cidr" => {
            format!("10.{}.{}.{}/32", if foreign { 9 + world } else { 1 }, n / 250, n % 250 + 1)
        }
        "macaddr" => format!("08:00:2b:0{world}:0{}:{:02x}", if foreign { 2 } else { 1 }, n % 256),
        "xml" => format!("<a>{}</a>", word(name, None, flavour)),
        "tsvector" | "tsquery" => word(name, None, flavour).replace(['@', '.', '-', '/', ':'], ""),
        "ltree" => word(name, None, flavour).replace(['@', '.', '-', '/', ':'], "_"),
        "hstore" => format!("k=>{}", word(name, None, flavour)),
        "point" => format!("({},{n})", small(flavour, 70)),
        "bit" | "varbit" => "1".to_owned(),
        "char" => "z".to_owned(),
        "int4range" | "int8range" | "numrange" => {
            let low = if foreign { 100 * world + 10 * n } else { 1 + 10 * n };
            format!("[{low},{})", low + 7 + world)
        }
        "daterange" | "tsrange" | "tstzrange" => {
            format!("[{year}-{month:02}-{day:02},{}-{month:02}-{day:02})", year + 1)
        }
        _ if kind.category == 'A' => {
            let element = catalogue.types.get(&kind.element)?;
            let value = of_type(catalogue, element, name, limit, flavour, depth + 1)?;
            format!("{{\"{}\"}}", value.replace('\\', "\\\\").replace('"', "\\\""))
        }
        _ if kind.category == 'S' || kind.name == "citext" => word(name, limit, flavour),
        _ => return None,
    })
}

/// A number: small and shared by A, marked by B.
fn small(flavour: Flavour, mark: i64) -> i64 {
    let n = flavour.number as i64;
    let marked = match flavour.who {
        'b' => mark + 1_000 * flavour.world as i64 + n,
        // Below and above the others.
        'c' if flavour.early() => n % 10,
        'c' => mark + 4_000 + n,
        'p' => mark + 9_000 + n,
        's' => 1 + n,
        _ => 11 + n,
    };
    match flavour.attempt % 6 {
        0 | 2 => marked,
        1 => 1 + n % 5,
        3 => 10 + n,
        4 => n % 2,
        _ => 50 + n % 50,
    }
}

/// A text whose form follows the column's name, then other forms.
fn word(name: &str, limit: Option<usize>, flavour: Flavour) -> String {
    let Flavour { who, world, number: n, attempt } = flavour;
    let stem = match who {
        'a' => "alpha".to_owned(),
        'b' => format!("zebra{world}"),
        'c' if flavour.early() => format!("0aardvark{world}"),
        'c' => format!("zebu{world}"),
        'p' => "probe".to_owned(),
        _ => "common".to_owned(),
    };
    let lower = name.to_ascii_lowercase();
    let first = if lower.contains("mail") {
        2
    } else if lower.contains("url") || lower.contains("link") {
        3
    } else if lower.contains("phone") {
        4
    } else {
        0
    };
    let form = if attempt / 3 == 0 { first } else { (first + attempt / 3) % 8 };
    let plain = match form {
        // Some of A's texts are numbers, and all of them in every second base: a condition that casts them fails on
        // B's rows only.
        0 if who == 'a' && (n % 3 == 1 || n.saturating_sub(1) / 3 % 2 == 1) => format!("{}", 11 + n),
        0 => format!("{stem}-{n}"),
        1 => format!("{stem}{n}"),
        2 => format!("{stem}{n}@{who}.example"),
        3 => format!("https://{who}.example/{stem}{n}"),
        4 => format!("+1555{}{:04}", if who == 'a' { 100 } else { 200 + world }, n),
        5 => format!("{}", if who == 'a' { 41 + n } else { 7700 + 100 * world + n }),
        6 => format!("{}{n}", stem.to_ascii_uppercase()),
        _ => (0..2 + n % 2)
            .map(|at| {
                char::from(b'A' + ((n + at * 7 + world * 3 + if who == 'a' { 0 } else { 13 }) % 26) as u8)
            })
            .collect(),
    };
    match limit {
        Some(limit) if plain.chars().count() > limit => {
            let short = format!("{}{world}{n}", if who == 'a' { 'a' } else { 'z' });
            short.chars().rev().take(limit).collect::<Vec<_>>().into_iter().rev().collect()
        }
        _ => plain,
    }
}

/// Literals in the text of a check: quoted texts, and numbers with their neighbours.
pub fn candidates_of(definition: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = definition;
    let mut bare = String::new();
    let patterned = definition.contains('~') || definition.contains("~~");
    while let Some(start) = rest.find('\'') {
        bare.push_str(&rest[..start]);
        bare.push(' ');
        let Some(end) = rest[start + 1..].find('\'') else { break };
        let literal = &rest[start + 1..start + 1 + end];
        if !patterned && !literal.is_empty() {
            found.push(literal.to_owned());
        }
        rest = &rest[start + end + 2..];
    }
    bare.push_str(rest);
    for token in bare.split(|c: char| !c.is_ascii_digit() && c != '.' && c != '-') {
        if let Ok(number) = token.trim_matches('.').parse::<i64>()
            && !bare.contains("length")
        {
            found.extend([number + 1, number, number - 1].map(|n| n.to_string()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::candidates_of;

    #[test]
    fn literals_of_a_check_are_values_to_try() {
        let found = candidates_of("CHECK ((state = ANY (ARRAY['open'::text, 'done'::text])))");
        assert_eq!(found, ["open", "done"]);
        assert!(candidates_of("CHECK ((amount > 5))").contains(&"6".to_owned()));
        assert!(candidates_of("CHECK ((code ~ '^[a-z]+$'::text))").is_empty());
    }
}
