package main

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/pay-theory/dynamorm/pkg/core"
)

// update is the parameters of the method, for all forms.
type update struct {
	Model         string
	Key           record
	Form          string
	Record        record
	Names         []string
	Set           record
	Remove        []json.RawMessage
	Add           record
	DeleteFromSet record `json:"delete_from_set"`
	Append        record
	Prepend       record
	SetPath       [][2]json.RawMessage `json:"set_path"`
	If            *condition
	ExpectVersion json.RawMessage `json:"expect_version"`
}

// update translates the forms.
//
//	partial  Update() of a struct whose fields all have omitempty, with some of them filled
//	named    Update("A", "B") of the model's struct
//	whole    Update() of the model's struct
//	builder  UpdateBuilder
//
// There is no `patch`: the library takes structs, and a struct always has all of its fields.
func (a *adapter) update(raw json.RawMessage) (any, error) {
	var params update
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	m, err := a.model(params.Model)
	if err != nil {
		return nil, err
	}
	if params.Form == "builder" {
		return struct{}{}, a.builderUpdate(m, &params)
	}
	held, names, err := m.updated(&params)
	if err != nil {
		return nil, err
	}
	q := a.db.Model(held)
	if err := m.where(params.Key, func(name string, value any) { q.Where(name, "=", value) }); err != nil {
		return nil, err
	}
	if err := m.guard(q, params.If); err != nil {
		return nil, err
	}
	if version, given, err := m.expected(params.ExpectVersion); err != nil {
		return nil, err
	} else if given {
		f, _ := m.field(m.Version)
		q.WithCondition(f.goName(), "=", version)
	}
	return struct{}{}, q.Update(names...)
}

// updated is the struct that Update takes, and the fields to name.
func (m *model) updated(params *update) (any, []string, error) {
	if len(params.Set)+len(params.Remove)+len(params.Add)+len(params.DeleteFromSet)+len(params.Append)+
		len(params.Prepend)+len(params.SetPath) > 0 {
		return nil, nil, refuse("unsupported", "operands other than a record belong to the builder")
	}
	if _, carried := params.Record[m.Version]; m.Version != "" && !carried {
		return nil, nil, refuse("unsupported", "a Go struct always carries a version")
	}
	typ := m.full
	var names []string
	switch params.Form {
	case "partial":
		typ = m.sparse
	case "named":
		for _, name := range params.Names {
			f, err := m.field(name)
			if err != nil {
				return nil, nil, err
			}
			if _, filled := params.Record[name]; !filled {
				if err := storeNil(reflect.New(m.full).Elem().FieldByName(f.goName()), f.Type, attribute{tag: absent}); err != nil {
					return nil, nil, err
				}
			}
			names = append(names, f.goName())
		}
		if len(names) == 0 {
			return nil, nil, refuse("unsupported", "Update without names is another form")
		}
	case "whole":
	default:
		return nil, nil, refuse("unsupported", "the library has no form %q", params.Form)
	}
	held, err := m.structure(typ, params.Record, params.Key)
	switch {
	case err != nil:
	case params.Form == "whole":
		if err = m.filled(reflect.ValueOf(held).Elem()); err == nil {
			err = m.complete(params.Record)
		}
	case params.Form == "partial":
		for i := range m.Fields {
			if f := &m.Fields[i]; err == nil {
				err = m.distinct(f, params.Record[f.Name], m.sparse)
			}
		}
	}
	return held, names, err
}

// filled refuses a struct of which Update() would skip a field: then it is a partial update. The
// library documents no way to save a struct back and remove what it leaves out.
func (m *model) filled(held reflect.Value) error {
	for i := range m.Fields {
		f := &m.Fields[i]
		value := held.FieldByName(f.goName())
		empty := value.IsZero() || (value.Kind() == reflect.Slice || value.Kind() == reflect.Map) && value.Len() == 0
		if empty && f.omits() && !m.isKey(f.Name) {
			return refuse("unsupported", "Update() of a struct skips %s, which is empty", f.Name)
		}
	}
	return nil
}

// expected is the version that a caller expects: a JSON integer or `{"N":"…"}`.
func (m *model) expected(raw json.RawMessage) (int64, bool, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, false, nil
	}
	if m.Version == "" {
		return 0, false, refuse("validation", "model %s has no version", m.Name)
	}
	var version int64
	if json.Unmarshal(raw, &version) == nil {
		return version, true, nil
	}
	var value attribute
	if err := decode(raw, &value); err != nil {
		return 0, false, err
	}
	err := store(reflect.ValueOf(&version).Elem(), &kind{name: "int64"}, value)
	return version, true, err
}

func (a *adapter) builderUpdate(m *model, params *update) error {
	q := a.db.Model(reflect.New(m.full).Interface())
	if err := m.where(params.Key, func(name string, value any) { q.Where(name, "=", value) }); err != nil {
		return err
	}
	builder := q.UpdateBuilder()
	if err := m.build(builder, params); err != nil {
		return err
	}
	return builder.Execute()
}

// build calls the builder's methods for all operands and conditions.
func (m *model) build(builder core.UpdateBuilder, params *update) error {
	if params.Record != nil || params.Names != nil {
		return refuse("unsupported", "the builder takes operands, no record")
	}
	assign := []struct {
		values record
		call   func(string, any) core.UpdateBuilder
	}{
		{params.Set, builder.Set},
		{params.Add, builder.Add},
		{params.DeleteFromSet, builder.Delete},
		{params.Append, builder.AppendToList},
		{params.Prepend, builder.PrependToList},
	}
	for _, part := range assign {
		for _, name := range slices.Sorted(maps.Keys(part.values)) {
			f, err := m.field(name)
			if err != nil {
				return err
			}
			value, err := m.assigned(f, part.values[name])
			if err != nil {
				return err
			}
			part.call(f.goName(), value)
		}
	}
	for _, raw := range params.Remove {
		f, index, err := m.element(raw)
		if err != nil {
			return err
		}
		if index < 0 {
			builder.Remove(f.goName())
		} else {
			builder.RemoveFromListAt(f.goName(), index)
		}
	}
	for _, pair := range params.SetPath {
		if err := m.setPath(builder, pair); err != nil {
			return err
		}
	}
	return m.guardBuilder(builder, params)
}

func (m *model) setPath(builder core.UpdateBuilder, pair [2]json.RawMessage) error {
	f, index, err := m.element(pair[0])
	if err != nil {
		return err
	}
	var given attribute
	if err := decode(pair[1], &given); err != nil {
		return err
	}
	if index < 0 {
		value, err := m.assigned(f, given)
		builder.Set(f.goName(), value)
		return err
	}
	list := f.Type.inner()
	if list.name != "list" {
		return refuse("validation", "field %s is no list", f.Name)
	}
	value, err := operand(list.elem, given)
	builder.SetListElement(f.goName(), index, value)
	return err
}

// element is a field (index -1) or an element of a list, the only paths for which the library has methods.
func (m *model) element(raw json.RawMessage) (*field, int, error) {
	path, err := fieldOrPath(raw)
	if err != nil {
		return nil, -1, err
	}
	if len(path) == 2 {
		if index, ok := path[1].(float64); ok {
			f, err := m.pathField(path[:1])
			return f, int(index), err
		}
	}
	f, err := m.pathField(path)
	return f, -1, err
}

// guardBuilder adds conditions: a conjunction by Condition, a disjunction by OrCondition.
func (m *model) guardBuilder(builder core.UpdateBuilder, params *update) error {
	version, given, err := m.expected(params.ExpectVersion)
	if err != nil {
		return err
	}
	join := "and"
	if params.If != nil && params.If.op == "or" {
		if given {
			return refuse("unsupported", "a version beside a disjunction needs groups")
		}
		join = "or"
	}
	leaves, err := m.leaves(params.If, join)
	if err != nil {
		return err
	}
	for i, l := range leaves {
		switch {
		case join == "or" && i > 0:
			builder.OrCondition(l.field, l.operator, l.value)
		case l.operator == "EXISTS":
			builder.ConditionExists(l.field)
		case l.operator == "NOT_EXISTS":
			builder.ConditionNotExists(l.field)
		default:
			builder.Condition(l.field, l.operator, l.value)
		}
	}
	if given {
		builder.ConditionVersion(version)
	}
	return nil
}
