package main

import (
	"encoding/json"

	"github.com/pay-theory/dynamorm/pkg/core"
)

// condition is a tree: a group of an operator, or a leaf on one path.
type condition struct {
	op       string
	group    []condition // of "and" and "or"
	path     []any
	operands []attribute
}

// operators are the library's names of the comparisons; `type`, `size` and `not` it does not have.
var operators = map[string]string{
	"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
	"between": "BETWEEN", "in": "IN", "begins_with": "BEGINS_WITH", "contains": "CONTAINS",
	"exists": "EXISTS", "not_exists": "NOT_EXISTS",
}

// UnmarshalJSON reads `{"and":[C…]}`, `{"eq":[P,V]}`, `{"in":[P,[V…]]}`, `{"exists":P}`.
func (c *condition) UnmarshalJSON(text []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil || len(object) != 1 {
		return refuse("validation", "not a condition: %s", text)
	}
	for op, raw := range object {
		c.op = op
		switch {
		case op == "and" || op == "or":
			return json.Unmarshal(raw, &c.group)
		case operators[op] == "":
			return refuse("unsupported", "the library has no operator for %q", op)
		case op == "exists" || op == "not_exists":
			return json.Unmarshal(raw, &c.path)
		}
		var parts []json.RawMessage
		if err := json.Unmarshal(raw, &parts); err != nil || len(parts) < 2 {
			return refuse("validation", "not the operands of %s: %s", op, raw)
		}
		if err := json.Unmarshal(parts[0], &c.path); err != nil {
			return err
		}
		if op == "in" {
			return json.Unmarshal(parts[1], &c.operands)
		}
		for _, part := range parts[1:] {
			var value attribute
			if err := json.Unmarshal(part, &value); err != nil {
				return err
			}
			c.operands = append(c.operands, value)
		}
	}
	return nil
}

// leaf is one comparison as the library's methods take it.
type leaf struct {
	field    string
	operator string
	value    any
}

func (m *model) leaf(c *condition) (leaf, error) {
	f, err := m.pathField(c.path)
	if err != nil {
		return leaf{}, err
	}
	compared := f.Type.inner()
	if c.op == "contains" && compared.elem != nil && compared.name != "map" {
		compared = compared.elem
	}
	values := make([]any, len(c.operands))
	for i, given := range c.operands {
		if values[i], err = operand(compared, given); err != nil {
			return leaf{}, err
		}
	}
	out := leaf{field: f.goName(), operator: operators[c.op]}
	switch c.op {
	case "exists", "not_exists":
	case "in", "between":
		out.value = values
	default:
		out.value = values[0]
	}
	return out, nil
}

// pathField is the field of a path of one part: the library documents conditions on fields only.
func (m *model) pathField(path []any) (*field, error) {
	name, isName := any(nil), false
	if len(path) > 0 {
		name = path[0]
	}
	text, isName := name.(string)
	if !isName {
		return nil, refuse("validation", "a path begins with a field")
	}
	if len(path) > 1 {
		return nil, refuse("unsupported", "the library documents no paths below a field here")
	}
	return m.field(text)
}

// filter adds a tree to a read: leaves by Filter and OrFilter, groups by FilterGroup and OrFilterGroup.
func (m *model) filter(q core.Query, c *condition) error {
	if c == nil {
		return nil
	}
	if c.op != "and" && c.op != "or" {
		return m.filterPart(q, c, false)
	}
	if len(c.group) == 0 {
		return refuse("unsupported", "the library has no empty groups")
	}
	for i := range c.group {
		if err := m.filterPart(q, &c.group[i], c.op == "or" && i > 0); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) filterPart(q core.Query, c *condition, or bool) error {
	if c.op != "and" && c.op != "or" {
		l, err := m.leaf(c)
		if err != nil {
			return err
		}
		if or {
			q.OrFilter(l.field, l.operator, l.value)
		} else {
			q.Filter(l.field, l.operator, l.value)
		}
		return nil
	}
	var inside error
	build := func(group core.Query) { inside = m.filter(group, c) }
	if or {
		q.OrFilterGroup(build)
	} else {
		q.FilterGroup(build)
	}
	return inside
}

// leaves are the comparisons of a conjunction, the only tree that WithCondition can say; with `or` the
// leaves of a disjunction, for OrCondition.
func (m *model) leaves(c *condition, op string) ([]leaf, error) {
	if c == nil {
		return nil, nil
	}
	parts := []condition{*c}
	if c.op == op {
		parts = c.group
	}
	var out []leaf
	for i := range parts {
		if parts[i].op == "and" || parts[i].op == "or" {
			if parts[i].op == op {
				inner, err := m.leaves(&parts[i], op)
				if err != nil {
					return nil, err
				}
				out = append(out, inner...)
				continue
			}
			return nil, refuse("unsupported", "conditions of writes are one list; they have no groups")
		}
		l, err := m.leaf(&parts[i])
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// guard adds the conditions of a write.
func (m *model) guard(q core.Query, c *condition) error {
	leaves, err := m.leaves(c, "and")
	if err != nil {
		return err
	}
	for _, l := range leaves {
		switch {
		case m.onPartitionKey(l) && l.operator == "EXISTS":
			q.IfExists()
		case m.onPartitionKey(l) && l.operator == "NOT_EXISTS":
			q.IfNotExists()
		default:
			q.WithCondition(l.field, l.operator, l.value)
		}
	}
	return nil
}

func (m *model) onPartitionKey(l leaf) bool {
	key, err := m.field(m.PartitionKey)
	return err == nil && key.goName() == l.field
}
