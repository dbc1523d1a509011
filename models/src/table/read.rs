//! Get, query and scan.
//!
//! A page is a walk over one table or index in the order of its keys; items of equal index keys follow each other by
//! the table's key. Items count towards the limit and the megabyte before the filter sees them. A page that ends at
//! its limit has a LastEvaluatedKey even where nothing follows: AWS does both.

use super::request::{Answer, Fields};
use super::schema::{Index, Schema};
use super::{ApiError, Table, Tables, consumed, read_units};
use crate::expression::{Comparator, KeyTest, Path, Prepared, ResolvedKeyCondition, evaluate, project};
use crate::value::{AttributeValue, Item, item_size, item_to_json};
use serde_json::{Value, json};

/// Bytes of a page, before the filter.
const MAX_PAGE: usize = 1_048_576;
/// Segments of a parallel scan.
const MAX_SEGMENTS: i64 = 1_000_000;

impl Tables {
    pub(super) fn get_item(&mut self, fields: Fields<'_>) -> Answer<Value> {
        let name = fields.table_name()?;
        let prepared = self.prepared("GetItem", fields, &["ProjectionExpression"], &[])?;
        let consistent = fields.flag("ConsistentRead")?;
        let key = fields.item("Key")?;
        let table = self.table(name)?;
        let item = table.items.get(&table.schema.key_alone(&key)?);
        let mut answer = json!({});
        if let Some(item) = item {
            answer["Item"] = item_to_json(&projected(item, prepared.projection.as_deref()));
        }
        consumed(fields, &mut answer, &[(name, read_units(item.map_or(0, item_size), consistent))], false)?;
        Ok(answer)
    }

    pub(super) fn read_page(&mut self, operation: &str, fields: Fields<'_>) -> Answer<Value> {
        let query = operation == "Query";
        let name = fields.table_name()?;
        let index_name = fields.text("IndexName")?;
        let keys = match (self.tables.get(name), index_name) {
            (Some(table), Some(index)) => table.schema.index(index).ok().map(|index| index.key.clone()),
            (table, None) => table.map(|table| table.schema.key.clone()),
            _ => None,
        };
        let key_names = keys.iter().flat_map(|key| key.names()).collect::<Vec<_>>();
        let allowed = ["ProjectionExpression", "FilterExpression", "KeyConditionExpression"];
        let allowed = if query { &allowed[..] } else { &allowed[..2] };
        let prepared = self.prepared(operation, fields, allowed, &key_names)?;
        let page = Page::read(fields, query)?;
        let table = self.table(name)?;
        let index = index_name.map(|index| table.schema.index(index)).transpose()?;
        let select = Select::read(fields, &table.schema, index, &prepared)?;
        if page.consistent && index.is_some_and(|index| index.global) {
            return Err(ApiError::validation(
                "Consistent reads are not supported on global secondary indexes",
            ));
        }
        let key_condition = match (&prepared.key_condition, query) {
            (Some(condition), true) => Some(check_key_condition(condition, &table.schema, index)?),
            (None, true) => return Err(ApiError::validation("a query needs a KeyConditionExpression")),
            _ => None,
        };
        let start = page.start.as_ref().map(|start| check_start(start, &table.schema, index, key_condition));
        let start = start.transpose()?;

        let read = walk(table, index, &page, &prepared, start);
        let mut answer = json!({ "Count": read.items.len(), "ScannedCount": read.scanned });
        if !select.count {
            let show = |item: &&Item| match (index, &prepared.projection, select.all) {
                (_, Some(paths), _) => item_to_json(&project(item, paths)),
                (Some(index), None, false) => item_to_json(&table.schema.index_view(index, item)),
                _ => item_to_json(item),
            };
            answer["Items"] = read.items.iter().map(show).collect::<Vec<_>>().into();
        }
        if let Some(last) = read.last {
            let names = table.schema.key.names().chain(index.iter().flat_map(|index| index.key.names()));
            let key = names.filter_map(|name| Some((name.to_owned(), last.get(name)?.clone())));
            answer["LastEvaluatedKey"] = item_to_json(&key.collect());
        }
        consumed(fields, &mut answer, &[(name, read_units(read.bytes, page.consistent))], false)?;
        let notes = read.notes;
        self.notes.extend(notes);
        Ok(answer)
    }
}

pub(super) fn projected(item: &Item, paths: Option<&[Path]>) -> Item {
    paths.map_or_else(|| item.clone(), |paths| project(item, paths))
}

/// Which part of the table is read, and how far.
struct Page {
    limit: Option<usize>,
    start: Option<Item>,
    forward: bool,
    consistent: bool,
    segment: Option<(u64, u64)>,
}

impl Page {
    fn read(fields: Fields<'_>, query: bool) -> Answer<Self> {
        let limit = fields.count("Limit")?;
        if limit.is_some_and(|limit| limit < 1) {
            return Err(ApiError::validation("Limit is at least 1"));
        }
        let start = match fields.get("ExclusiveStartKey") {
            Some(_) => Some(fields.item("ExclusiveStartKey")?),
            None => None,
        };
        let segment = match (fields.count("Segment")?, fields.count("TotalSegments")?) {
            _ if query => None,
            (None, None) => None,
            (Some(segment), Some(total)) if 0 <= segment && segment < total && total <= MAX_SEGMENTS => {
                Some((segment.unsigned_abs(), total.unsigned_abs()))
            }
            _ => return Err(ApiError::validation("Segment is less than TotalSegments, and both are given")),
        };
        Ok(Self {
            limit: limit.map(|limit| limit as usize),
            start,
            forward: !query || fields.get("ScanIndexForward").is_none() || fields.flag("ScanIndexForward")?,
            consistent: fields.flag("ConsistentRead")?,
            segment,
        })
    }
}

/// What is answered of each item.
struct Select {
    count: bool,
    /// Whole items, also where the index holds less.
    all: bool,
}

impl Select {
    fn read(fields: Fields<'_>, schema: &Schema, index: Option<&Index>, prepared: &Prepared) -> Answer<Self> {
        let options = ["", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT"];
        let select = match fields.get("Select") {
            Some(_) => fields.option("Select", &options)?,
            None => "",
        };
        let global = index.filter(|index| index.global);
        let refused = match select {
            "ALL_PROJECTED_ATTRIBUTES" if index.is_none() => Some("no index is named"),
            "SPECIFIC_ATTRIBUTES" if prepared.projection.is_none() => Some("no attributes are named"),
            "ALL_ATTRIBUTES" | "ALL_PROJECTED_ATTRIBUTES" | "COUNT" if prepared.projection.is_some() => {
                Some("a projection goes with SPECIFIC_ATTRIBUTES only")
            }
            "ALL_ATTRIBUTES"
                if global.is_some_and(|index| index.projected != super::schema::Projected::All) =>
            {
                Some("a global index answers only what it holds")
            }
            _ => None,
        };
        if let Some(why) = refused {
            return Err(ApiError::validation(format!("Select {select}: {why}")));
        }
        let named = prepared.projection.iter().flatten();
        if let Some(index) = global
            && let Some(path) = named.into_iter().find(|path| !schema.projects(index, path.root()))
        {
            return Err(ApiError::validation(format!("the index does not hold {path}")));
        }
        Ok(Self { count: select == "COUNT", all: index.is_none() || select == "ALL_ATTRIBUTES" })
    }
}

/// The key condition is an equality on the partition key and at most one test of the sort key, all of the keys'
/// types. Answers the partition's value.
fn check_key_condition<'tree>(
    condition: &'tree ResolvedKeyCondition,
    schema: &Schema,
    index: Option<&Index>,
) -> Answer<&'tree AttributeValue> {
    let keys = index.map_or(&schema.key, |index| &index.key);
    let mut partition = None;
    for (path, test) in condition {
        let values = match test {
            KeyTest::Compare(_, value) | KeyTest::BeginsWith(value) => vec![value],
            KeyTest::Between(low, high) => vec![low, high],
        };
        // A prefix of a number is none; the parser refused it already.
        for value in values {
            schema.checked(path.root(), value, keys.sort.as_deref() == Some(path.root()), true)?;
        }
        match test {
            KeyTest::Compare(Comparator::Eq, value) if path.root() == keys.partition => {
                partition = Some(value)
            }
            _ if Some(path.root()) == keys.sort.as_deref() => {}
            _ => return Err(ApiError::validation("Query condition missed key schema element")),
        }
    }
    partition.ok_or_else(|| {
        ApiError::validation(format!("Query condition missed key schema element: {}", keys.partition))
    })
}

/// Where in the order of a table or index an item stands: index keys, then table keys.
fn position(item: &Item, schema: &Schema, index: Option<&Index>) -> Option<Vec<AttributeValue>> {
    let names = index.into_iter().flat_map(|index| index.key.names()).chain(schema.key.names());
    names.map(|name| item.get(name).cloned()).collect()
}

fn check_start(
    start: &Item,
    schema: &Schema,
    index: Option<&Index>,
    partition: Option<&AttributeValue>,
) -> Answer<Vec<AttributeValue>> {
    let invalid = || ApiError::validation("The provided starting key is invalid");
    let names = schema.key.names().chain(index.iter().flat_map(|index| index.key.names()));
    let names = names.collect::<std::collections::BTreeSet<_>>();
    if start.len() != names.len() {
        return Err(invalid());
    }
    for name in names {
        schema.checked(name, start.get(name).ok_or_else(invalid)?, false, false)?;
    }
    let position = position(start, schema, index).ok_or_else(invalid)?;
    match partition {
        Some(partition) if position.first() != Some(partition) => Err(invalid()),
        _ => Ok(position),
    }
}

struct Read<'table> {
    items: Vec<&'table Item>,
    scanned: usize,
    bytes: usize,
    last: Option<&'table Item>,
    notes: Vec<String>,
}

fn walk<'table>(
    table: &'table Table,
    index: Option<&Index>,
    page: &Page,
    prepared: &Prepared,
    start: Option<Vec<AttributeValue>>,
) -> Read<'table> {
    let in_partition = |item: &Item| {
        prepared.key_condition.as_ref().is_none_or(|keys| crate::expression::matches_key(keys, item))
    };
    let rows = table.items.values().filter(|item| in_partition(item));
    let mut rows = rows
        .filter_map(|item| Some((position(item, &table.schema, index)?, item)))
        .filter(|(at, _)| page.segment.is_none_or(|(segment, total)| segment_of(&at[0]) % total == segment))
        .collect::<Vec<_>>();
    rows.sort_by(|(left, _), (right, _)| left.cmp(right));
    if !page.forward {
        rows.reverse();
    }
    let behind = |at: &Vec<AttributeValue>| match &start {
        Some(start) if page.forward => at > start,
        Some(start) => at < start,
        None => true,
    };
    let mut read = Read { items: Vec::new(), scanned: 0, bytes: 0, last: None, notes: Vec::new() };
    let mut before = None;
    for (_, item) in rows.iter().filter(|(at, _)| behind(at)) {
        let view = index.map(|index| table.schema.index_view(index, item));
        let size = item_size(view.as_ref().unwrap_or(item));
        if read.bytes + size > MAX_PAGE && read.scanned > 0 {
            read.last = before;
            break;
        }
        read.bytes += size;
        read.scanned += 1;
        before = Some(*item);
        match prepared.filter.as_ref().map(|filter| evaluate(filter, view.as_ref().unwrap_or(item))) {
            None | Some(Ok(true)) => read.items.push(item),
            Some(Ok(false)) => {}
            Some(Err(open)) => {
                read.notes.push(open.to_string());
                read.items.push(item);
            }
        }
        if page.limit == Some(read.scanned) {
            read.last = Some(item);
            break;
        }
    }
    if read.last.is_some() && read.last == rows.last().map(|(_, item)| *item) {
        read.notes.push("whether a page that ends with the last item has a LastEvaluatedKey".to_owned());
    }
    read
}

/// A fixed hash (FNV-1a) of the partition key, so that segments are disjoint and the same each time.
fn segment_of(value: &AttributeValue) -> u64 {
    let text = value.to_json().to_string();
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
