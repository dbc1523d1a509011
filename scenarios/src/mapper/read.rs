//! `get`, `query` and `scan`.

use super::cursor::Reading;
use super::decode::parse_item;
use super::expression::{Node, Placeholders};
use super::failure::{Failure, Result};
use super::schema::plain;
use super::scope::Scope;
use super::send::{OnFailure, Prepared, Sender};
use crate::mutants::Bug;
use proofhouse_models::mapper::call::{Key, Order, Page};
use proofhouse_models::mapper::{
    Condition, Field, FieldOrPath, Operand, Path, PathPart, Projection, Query, Scan, SortCondition,
};
use proofhouse_models::value::{AttributeValue, Item, item_to_json};
use serde_json::{Map, Value, json};

/// A read of many items, ready to be sent page by page.
pub struct Listing {
    operation: &'static str,
    body: Map<String, Value>,
    reading: Reading,
    index: Option<String>,
    /// Fields that a record shows; all where nothing was selected.
    shown: Option<Vec<String>>,
    limit: Option<u64>,
    page: Option<Page>,
}

/// The answer to a read of many items.
#[derive(Debug, Default)]
pub struct Rows {
    /// The records.
    pub records: Vec<Item>,
    /// Where the next page begins, for a read of one page.
    pub cursor: Option<String>,
}

/// What `query` and `scan` have in common.
struct Common<'a> {
    index: Option<&'a str>,
    filter: Option<&'a Condition>,
    select: Option<&'a [FieldOrPath]>,
    limit: Option<u64>,
    page: Option<&'a Page>,
}

impl Scope<'_> {
    /// A read of one item.
    ///
    /// # Errors
    /// As encoding does.
    pub fn get(&self, key: &Key, consistent: bool) -> Result<Prepared> {
        let key = self.encode_key(key)?;
        let mut body = Map::new();
        body.insert("TableName".to_owned(), json!(self.table()));
        body.insert("Key".to_owned(), item_to_json(&key));
        if consistent {
            body.insert("ConsistentRead".to_owned(), json!(true));
        }
        Ok(Prepared { operation: "GetItem", body, on_failure: OnFailure::Condition })
    }

    /// A query: never anything but one partition, unless the options allow a silent scan.
    ///
    /// # Errors
    /// `validation` where the partition is not the partition key, or the filter speaks of a key.
    pub fn query(&self, query: &Query) -> Result<Listing> {
        let of_tenant = self.own_rows_of_index(query);
        let query = of_tenant.as_ref().unwrap_or(query);
        let common = Common {
            index: query.index.as_deref(),
            filter: query.filter.as_ref(),
            select: query.select.as_deref(),
            limit: query.limit,
            page: query.page.as_ref(),
        };
        let (partition, sort) = self.schema.keys_of(common.index)?;
        let given = query.partition.get(&partition.name).filter(|_| query.partition.len() == 1);
        let Some(value) = given else {
            if self.options.silent_scan && !query.partition.is_empty() {
                return self.silent_scan(query);
            }
            return Err(Failure::validation("a query names the partition key, and only that"));
        };
        if let Some(filter) = common.filter {
            self.check_filter(filter, partition, sort)?;
        }
        let mut holders = Placeholders::default();
        let Some(value) = value.value() else {
            if self.has(Bug::AbsentPartitionScans) {
                let Query { model, index, filter, select, limit, page, .. } = query.clone();
                return self.scan(&Scan { model, index, filter, select, limit, page });
            }
            return Err(Failure::validation("the partition of a query is no value"));
        };
        let mut partition_value = self.encode_key_value(partition, value)?;
        if let Some(carried) = self.carried_partition(query, partition) {
            partition_value = carried;
        }
        let mut text =
            format!("{} = {}", holders.name(partition.attribute()), holders.value(partition_value.clone()));
        let mut shape = json!(["query", self.table(), common.index, partition_value.to_json()]);
        let dropped = self.has(Bug::AbsentSortDropped) && query.has_absent_key();
        if let Some(condition) = query.sort.as_ref().filter(|_| !dropped) {
            let sort = sort.ok_or_else(|| Failure::validation("there is no sort key"))?;
            text = format!("{text} AND {}", self.sort_condition(sort, condition, &mut holders)?);
            shape = json!([shape, serde_json::to_value(condition).unwrap_or_default()]);
        }
        let falling = query.order == Some(Order::Desc);
        if self.has(Bug::CursorWithoutTenant) {
            // Partition values carry the tenant, and so would the seal.
            shape = json!([common.index]);
        }
        let reading = Reading::new(&json!([shape, falling]));
        let mut body = Map::new();
        body.insert("TableName".to_owned(), json!(self.table()));
        body.insert("KeyConditionExpression".to_owned(), json!(text));
        if falling {
            body.insert("ScanIndexForward".to_owned(), json!(false));
        }
        self.listing("Query", body, reading, holders, &common)
    }

    /// A scan of the table or of an index.
    ///
    /// # Errors
    /// `unsupported` for a table that tenants share.
    pub fn scan(&self, scan: &Scan) -> Result<Listing> {
        let of_tenant = self.own_rows(scan);
        let scan = of_tenant.as_ref().unwrap_or(scan);
        if self.tenant.is_some() && !self.has(Bug::ScanOfEveryone) && !self.has(Bug::ScanOffered) {
            return Err(Failure::unsupported("a scan would read what other tenants own"));
        }
        let common = Common {
            index: scan.index.as_deref(),
            filter: scan.filter.as_ref(),
            select: scan.select.as_deref(),
            limit: scan.limit,
            page: scan.page.as_ref(),
        };
        self.schema.keys_of(common.index)?;
        let reading = Reading::new(&json!(["scan", self.table(), common.index]));
        let mut body = Map::new();
        body.insert("TableName".to_owned(), json!(self.table()));
        self.listing("Scan", body, reading, Placeholders::default(), &common)
    }

    /// [`Bug::IndexFiltered`]: the query with a filter for the tenant's prefix.
    fn own_rows_of_index(&self, query: &Query) -> Option<Query> {
        self.tenant.filter(|_| self.has(Bug::IndexFiltered) && query.index.is_some())?;
        Some(Query { filter: Some(self.own(query.filter.clone())), ..query.clone() })
    }

    fn own(&self, filter: Option<Condition>) -> Condition {
        let partition = Path::field(self.schema.model.partition_key.clone());
        let own = Condition::BeginsWith(partition, AttributeValue::S(String::new()).into());
        Condition::And(std::iter::once(own).chain(filter).collect())
    }

    /// [`Bug::ScanOffered`]: the scan with a filter for the tenant's prefix.
    fn own_rows(&self, scan: &Scan) -> Option<Scan> {
        self.tenant.filter(|_| self.has(Bug::ScanOffered))?;
        Some(Scan { filter: Some(self.own(scan.filter.clone())), ..scan.clone() })
    }

    /// The documented choice of a mapper that answers a query without its key by a scan.
    fn silent_scan(&self, query: &Query) -> Result<Listing> {
        let (_, sort) = self.schema.keys_of(query.index.as_deref())?;
        let equals =
            |(name, value): (&String, &Operand)| Condition::Eq(Path::field(name.clone()), value.clone());
        let mut all: Vec<Condition> = query.partition.iter().map(equals).collect();
        if let Some(condition) = &query.sort {
            let sort = sort.ok_or_else(|| Failure::validation("there is no sort key"))?;
            all.push(as_condition(&sort.name, condition));
        }
        if query.order.is_some() {
            return Err(Failure::validation("a scan has no order"));
        }
        all.extend(query.filter.clone());
        self.scan(&Scan {
            model: query.model.clone(),
            index: query.index.clone(),
            filter: Some(Condition::And(all)),
            select: query.select.clone(),
            limit: query.limit,
            page: query.page.clone(),
        })
    }

    /// The planted bugs of cursors: the partition that is read is the one in the cursor.
    fn carried_partition(&self, query: &Query, partition: &Field) -> Option<AttributeValue> {
        let bugs = [Bug::CursorUnsealed, Bug::CursorWithoutTenant, Bug::CursorSealsTenantOnly];
        let by_index = self.has(Bug::IndexCursorUnsealed) && query.index.is_some();
        let cursor = query.page.as_ref()?.cursor.as_deref();
        let cursor = cursor.filter(|_| by_index || bugs.iter().any(|bug| self.has(*bug)))?;
        super::cursor::key_in(cursor)?.remove(partition.attribute())
    }

    fn sort_condition(
        &self,
        field: &Field,
        condition: &SortCondition,
        holders: &mut Placeholders,
    ) -> Result<String> {
        let at = holders.name(field.attribute());
        let value = |operand: &Operand| match operand.value() {
            Some(value) => self.sort_operand(field, value),
            None => Err(Failure::validation("a sort condition compares with no value")),
        };
        Ok(match condition {
            SortCondition::Eq(v) => format!("{at} = {}", holders.value(value(v)?)),
            SortCondition::Lt(v) => format!("{at} < {}", holders.value(value(v)?)),
            SortCondition::Le(v) => format!("{at} <= {}", holders.value(value(v)?)),
            SortCondition::Gt(v) => format!("{at} > {}", holders.value(value(v)?)),
            SortCondition::Ge(v) => format!("{at} >= {}", holders.value(value(v)?)),
            SortCondition::BeginsWith(v) => {
                if plain(&field.kind).is_number() {
                    return Err(Failure::validation("a number has no beginning"));
                }
                format!("begins_with({at}, {})", holders.value(value(v)?))
            }
            SortCondition::Between(low, high) => {
                let (low, high) = (value(low)?, value(high)?);
                self.check_range(&low, &high)?;
                format!("{at} BETWEEN {} AND {}", holders.value(low), holders.value(high))
            }
        })
    }

    /// A sort key's operand: of the key's type, but not necessarily a whole value (`2024-` for a timestamp).
    fn sort_operand(&self, field: &Field, value: &AttributeValue) -> Result<AttributeValue> {
        if Some(value.type_name()) != plain(&field.kind).key_type() {
            return Err(Failure::encode(&field.name, "the value is not of the key's type"));
        }
        super::legal::check_key(&field.name, value, 1024)?;
        let place = self.schema.place(&Path::field(field.name.clone()))?;
        self.encode_operand(&place, None, value)
    }

    /// In a query the keys are spoken of by the key condition alone.
    fn check_filter(&self, filter: &Condition, partition: &Field, sort: Option<&Field>) -> Result<()> {
        if let Some(path) = filter.path() {
            let root = path.root();
            if root == partition.name || sort.is_some_and(|sort| sort.name == root) {
                return Err(Failure::validation("a query's filter does not speak of its keys"));
            }
        }
        filter.children().iter().try_for_each(|child| self.check_filter(child, partition, sort))
    }

    fn listing(
        &self,
        operation: &'static str,
        mut body: Map<String, Value>,
        reading: Reading,
        mut holders: Placeholders,
        common: &Common<'_>,
    ) -> Result<Listing> {
        if common.limit == Some(0) || common.page.is_some_and(|page| page.size == Some(0)) {
            return Err(Failure::validation("a limit or a page of nothing"));
        }
        if let Some(index) = common.index {
            body.insert("IndexName".to_owned(), json!(index));
        }
        if let Some(filter) = common.filter {
            self.check_projected(filter, common.index)?;
            let node: Node = self.condition(filter, &mut holders)?;
            body.insert("FilterExpression".to_owned(), json!(node.render()?));
        }
        let mut shown = None;
        if let Some(select) = common.select {
            let (text, fields) = self.projection(select, common, &mut holders)?;
            body.insert("ProjectionExpression".to_owned(), json!(text));
            shown = Some(fields);
        }
        let size = common.page.map_or(common.limit.filter(|_| common.filter.is_none()), |page| page.size);
        if let Some(size) = size {
            body.insert("Limit".to_owned(), json!(size.min(i32::MAX as u64)));
        }
        if let Some(cursor) = common.page.and_then(|page| page.cursor.as_deref()) {
            let key = self.resume(&reading, common.index, cursor)?;
            body.insert("ExclusiveStartKey".to_owned(), item_to_json(&key));
        }
        holders.finish(&mut body)?;
        Ok(Listing {
            operation,
            body,
            reading,
            index: common.index.map(str::to_owned),
            shown,
            limit: common.limit,
            page: common.page.cloned(),
        })
    }

    /// The selected places, with the keys that cursors and ciphers need, and the fields to show.
    fn projection(
        &self,
        select: &[FieldOrPath],
        common: &Common<'_>,
        holders: &mut Placeholders,
    ) -> Result<(String, Vec<String>)> {
        if select.is_empty() {
            return Err(Failure::validation("nothing is selected"));
        }
        let mut paths: Vec<Vec<PathPart>> = Vec::new();
        let mut shown: Vec<String> = Vec::new();
        let mut needs_key = common.limit.is_some() && common.page.is_some();
        for entry in select {
            let place = self.schema.place(&entry.path())?;
            if !self.is_projected(&place.field.name, common.index) {
                return Err(Failure::validation("the index does not hold a selected field"));
            }
            if place.field.encrypted && !place.is_field() {
                return Err(Failure::unsupported("a place inside an encrypted field"));
            }
            needs_key |= place.field.encrypted;
            if !shown.contains(&place.field.name) {
                shown.push(place.field.name.clone());
            }
            paths.push(place.parts);
        }
        if needs_key {
            for field in self.row_keys(common.index)? {
                paths.push(vec![PathPart::Key(field.attribute().to_owned())]);
            }
        }
        let mut kept: Vec<Vec<PathPart>> = Vec::new();
        for path in &paths {
            let inside = paths.iter().any(|other| other.len() < path.len() && path.starts_with(other));
            if !inside && !kept.contains(path) {
                kept.push(path.clone());
            }
        }
        for (position, left) in kept.iter().enumerate() {
            for right in &kept[..position] {
                let differing = left.iter().zip(right).find(|(left, right)| left != right);
                if matches!(
                    differing,
                    Some((PathPart::Key(_), PathPart::Index(_)) | (PathPart::Index(_), PathPart::Key(_)))
                ) {
                    return Err(Failure::validation("one place selected as a map and as a list"));
                }
            }
        }
        let texts = kept.iter().map(|path| holders.path(path)).collect::<Result<Vec<_>>>()?;
        let text = texts.join(", ");
        super::expression::check_limits(&text, 0)?;
        Ok((text, shown))
    }

    /// Whether reads through the index give the field.
    fn is_projected(&self, name: &str, index: Option<&str>) -> bool {
        let Some(index) = index.and_then(|index| self.schema.model.index(index)) else { return true };
        let is_key = self.schema.model.is_key(name)
            || index.partition_key == name
            || index.sort_key.as_deref() == Some(name);
        match &index.projection {
            Projection::All => true,
            Projection::Keys => is_key,
            Projection::Fields(fields) => is_key || fields.iter().any(|field| field == name),
        }
    }

    fn check_projected(&self, filter: &Condition, index: Option<&str>) -> Result<()> {
        if let Some(path) = filter.path()
            && !self.is_projected(path.root(), index)
        {
            return Err(Failure::validation("the index does not hold a field of the filter"));
        }
        filter.children().iter().try_for_each(|child| self.check_projected(child, index))
    }

    /// The key fields of a row: the table's, and those of the index that is read.
    fn row_keys(&self, index: Option<&str>) -> Result<Vec<&Field>> {
        let mut fields = self.schema.keys()?;
        let (partition, sort) = self.schema.keys_of(index)?;
        for field in std::iter::once(partition).chain(sort) {
            if !fields.iter().any(|known| known.name == field.name) {
                fields.push(field);
            }
        }
        Ok(fields)
    }

    /// Reads one page, or all of them up to the limit.
    ///
    /// # Errors
    /// The engine's, and `decode`.
    pub fn list(&self, listing: Listing, sender: &Sender<'_>) -> Result<Rows> {
        let mut body = listing.body.clone();
        let mut rows = Rows::default();
        let limit = listing.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        loop {
            let request = Prepared {
                operation: listing.operation,
                body: body.clone(),
                on_failure: OnFailure::Condition,
            };
            let answer = sender.send(request)?;
            let last = answer.get("LastEvaluatedKey").filter(|key| key.is_object()).cloned();
            let items = answer.get("Items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            for (position, item) in items.iter().enumerate() {
                let item = parse_item(item)?;
                rows.records.push(self.shown_record(&item, listing.shown.as_deref())?);
                if rows.records.len() == limit {
                    let more = position + 1 < items.len();
                    rows.cursor = match (&listing.page, more, &last) {
                        (None, ..) | (_, false, None) => None,
                        (_, false, Some(last)) => Some(self.issue(&listing.reading, &parse_item(last)?)),
                        (_, true, Some(last)) if self.has(Bug::LimitCursorBehindPage) => {
                            Some(self.issue(&listing.reading, &parse_item(last)?))
                        }
                        (_, true, _) => {
                            let keys = self.row_keys(listing.index.as_deref())?;
                            let key = keys.into_iter().filter_map(|field| {
                                Some((field.attribute().to_owned(), item.get(field.attribute())?.clone()))
                            });
                            Some(self.issue(&listing.reading, &key.collect()))
                        }
                    };
                    return Ok(rows);
                }
            }
            let Some(last) = last else { return Ok(rows) };
            if listing.page.is_some() {
                let mut key = parse_item(&last)?;
                if self.has(Bug::IndexCursorLacksKey) {
                    let own: Vec<_> =
                        self.row_keys(None)?.into_iter().map(|field| field.attribute()).collect();
                    key.retain(|name, _| own.contains(&name.as_str()));
                }
                if self.has(Bug::PageLosesLast) && body.contains_key("ExclusiveStartKey") {
                    rows.records.pop();
                }
                rows.cursor = Some(self.issue(&listing.reading, &key));
                return Ok(rows);
            }
            body.insert("ExclusiveStartKey".to_owned(), last);
        }
    }

    fn shown_record(&self, item: &Item, shown: Option<&[String]>) -> Result<Item> {
        let mut record = self.decode_item(item)?;
        if let Some(shown) = shown {
            record.retain(|name, _| shown.contains(name));
        }
        Ok(record)
    }
}

/// The first request of a listing, as `build` shows it.
impl From<Listing> for Map<String, Value> {
    fn from(listing: Listing) -> Self {
        listing.body
    }
}

fn as_condition(field: &str, condition: &SortCondition) -> Condition {
    let path = Path::field(field);
    match condition {
        SortCondition::Eq(v) => Condition::Eq(path, v.clone()),
        SortCondition::Lt(v) => Condition::Lt(path, v.clone()),
        SortCondition::Le(v) => Condition::Le(path, v.clone()),
        SortCondition::Gt(v) => Condition::Gt(path, v.clone()),
        SortCondition::Ge(v) => Condition::Ge(path, v.clone()),
        SortCondition::BeginsWith(v) => Condition::BeginsWith(path, v.clone()),
        SortCondition::Between(low, high) => Condition::Between(path, low.clone(), high.clone()),
    }
}
