package main

import (
	"encoding/json"
	"errors"
	"reflect"

	"github.com/pay-theory/dynamorm"
	"github.com/pay-theory/dynamorm/pkg/core"
	sentinel "github.com/pay-theory/dynamorm/pkg/errors"
)

func (a *adapter) get(raw json.RawMessage) (any, error) {
	var params struct {
		Model      string
		Key        record
		Consistent bool
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	m, err := a.model(params.Model)
	if err != nil {
		return nil, err
	}
	q := a.db.Model(reflect.New(m.full).Interface())
	if err := m.where(params.Key, func(name string, value any) { q.Where(name, "=", value) }); err != nil {
		return nil, err
	}
	if params.Consistent {
		q.ConsistentRead()
	}
	found := reflect.New(m.full)
	err = q.First(found.Interface())
	if errors.Is(err, sentinel.ErrItemNotFound) {
		return map[string]any{"record": nil}, nil
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"record": collect(found.Elem(), m.Fields, nil)}, nil
}

// selection is what query and scan have in common.
type selection struct {
	Model  string
	Index  string
	Filter *condition
	Select []json.RawMessage
	Limit  int
	Page   *struct {
		Size   int
		Cursor string
	}
}

func (a *adapter) query(raw json.RawMessage) (any, error) {
	var params struct {
		selection
		Partition record
		Sort      map[string]json.RawMessage
		Order     string
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	m, err := a.model(params.Model)
	if err != nil {
		return nil, err
	}
	q := a.db.Model(reflect.New(m.full).Interface())
	sortKey := m.SortKey
	for _, index := range m.Indexes {
		if index.Name == params.Index {
			sortKey = index.SortKey
		}
	}
	for name, value := range params.Partition {
		f, err := m.field(name)
		if err != nil {
			return nil, err
		}
		part, err := m.assigned(f, value)
		if err != nil {
			return nil, err
		}
		q.Where(f.goName(), "=", part)
	}
	if err := m.sort(q, sortKey, params.Sort); err != nil {
		return nil, err
	}
	if params.Order != "" {
		by := sortKey
		for name := range params.Partition {
			if by == "" {
				by = name
			}
		}
		f, err := m.field(by)
		if err != nil {
			return nil, err
		}
		q.OrderBy(f.goName(), params.Order)
	}
	return m.rows(q, &params.selection, q.All)
}

// sort adds the condition on the sort key: `{"lt":V}`, `{"between":[V,V]}`.
func (m *model) sort(q core.Query, sortKey string, condition map[string]json.RawMessage) error {
	for op, raw := range condition {
		f, err := m.field(sortKey)
		if err != nil {
			return err
		}
		ends := []attribute{{}}
		if op == "between" {
			err = json.Unmarshal(raw, &ends)
		} else {
			err = json.Unmarshal(raw, &ends[0])
		}
		if err != nil {
			return err
		}
		values := make([]any, len(ends))
		for i, end := range ends {
			if values[i], err = operand(f.Type, end); err != nil {
				return err
			}
		}
		if op == "between" {
			q.Where(f.goName(), operators[op], values)
		} else {
			q.Where(f.goName(), operators[op], values[0])
		}
	}
	return nil
}

func (a *adapter) scan(raw json.RawMessage) (any, error) {
	var params selection
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	m, err := a.model(params.Model)
	if err != nil {
		return nil, err
	}
	q := a.db.Model(reflect.New(m.full).Interface())
	return m.rows(q, &params, q.Scan)
}

// rows runs a read: all pages by `all`, one page by AllPaginated.
func (m *model) rows(q core.Query, s *selection, all func(any) error) (any, error) {
	only := m.projected(s.Index)
	if err := m.filter(q, s.Filter); err != nil {
		return nil, err
	}
	if s.Index != "" {
		q.Index(s.Index)
	}
	if s.Select != nil {
		names, chosen, err := m.selected(s.Select)
		if err != nil {
			return nil, err
		}
		q.Select(names...)
		only = chosen
	}
	found := reflect.New(reflect.SliceOf(m.full))
	out := map[string]any{}
	switch {
	case s.Page == nil:
		if s.Limit > 0 {
			q.Limit(s.Limit)
		}
		if err := all(found.Interface()); err != nil {
			return nil, err
		}
	case s.Limit > 0:
		return nil, refuse("unsupported", "AllPaginated has one limit, the size of the page")
	default:
		if s.Page.Size > 0 {
			q.Limit(s.Page.Size)
		}
		if s.Page.Cursor != "" {
			q.Cursor(s.Page.Cursor)
		}
		page, err := q.AllPaginated(found.Interface())
		if err != nil {
			return nil, err
		}
		if page.NextCursor != "" {
			out["cursor"] = page.NextCursor
		}
	}
	out["records"] = m.records(found.Elem(), only)
	return out, nil
}

func (m *model) records(found reflect.Value, only map[string]bool) []any {
	records := make([]any, found.Len())
	for i := range records {
		records[i] = collect(found.Index(i), m.Fields, only)
	}
	return records
}

// projected are the fields that an index holds; nil for all.
func (m *model) projected(name string) map[string]bool {
	for _, index := range m.Indexes {
		if index.Name != name || index.Projection == nil || index.Projection == "all" {
			continue
		}
		only := map[string]bool{m.PartitionKey: true, m.SortKey: true, index.PartitionKey: true, index.SortKey: true}
		if list, ok := index.Projection.([]any); ok {
			for _, field := range list {
				if text, ok := field.(string); ok {
					only[text] = true
				}
			}
		}
		return only
	}
	return nil
}

// selected are the struct fields of a `select` list, and which fields a caller looks at afterwards.
func (m *model) selected(list []json.RawMessage) ([]string, map[string]bool, error) {
	var names []string
	only := map[string]bool{}
	for _, raw := range list {
		path, err := fieldOrPath(raw)
		if err != nil {
			return nil, nil, err
		}
		f, err := m.pathField(path)
		if err != nil {
			return nil, nil, err
		}
		names = append(names, f.goName())
		only[f.Name] = true
	}
	return names, only, nil
}

// fieldOrPath reads `"field"` or `["field", …]`.
func fieldOrPath(raw json.RawMessage) ([]any, error) {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		return []any{name}, nil
	}
	var path []any
	if err := json.Unmarshal(raw, &path); err != nil {
		return nil, refuse("validation", "neither a field nor a path: %s", raw)
	}
	return path, nil
}

// pairs are the keys of a batch, as the library takes composite keys.
func (m *model) pairs(keys []record) ([]any, error) {
	pairs := make([]any, len(keys))
	for i, key := range keys {
		var parts []any
		if err := m.where(key, func(_ string, value any) { parts = append(parts, value) }); err != nil {
			return nil, err
		}
		pairs[i] = dynamorm.NewKeyPair(parts[0], parts[1:]...)
	}
	return pairs, nil
}

func (a *adapter) batchGet(raw json.RawMessage) (any, error) {
	var params struct {
		Model string
		Keys  []record
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	m, err := a.model(params.Model)
	if err != nil {
		return nil, err
	}
	pairs, err := m.pairs(params.Keys)
	if err != nil {
		return nil, err
	}
	found := reflect.New(reflect.SliceOf(m.full))
	if err := a.db.Model(reflect.New(m.full).Interface()).BatchGet(pairs, found.Interface()); err != nil {
		return nil, err
	}
	return map[string]any{"records": m.records(found.Elem(), nil)}, nil
}

func (a *adapter) unmarshal(raw json.RawMessage) (any, error) {
	var params struct {
		Model string
		Item  map[string]attribute
		Into  record
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	m, err := a.model(params.Model)
	if err != nil {
		return nil, err
	}
	item, err := rawItem(params.Item)
	if err != nil {
		return nil, err
	}
	dest, err := m.structure(m.full, params.Into)
	if err != nil {
		return nil, err
	}
	if err := dynamorm.UnmarshalItem(item, dest); err != nil {
		return nil, err
	}
	return map[string]any{"record": collect(reflect.ValueOf(dest).Elem(), m.Fields, nil)}, nil
}
