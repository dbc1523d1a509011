package main

import (
	"encoding/json"
	"reflect"

	"github.com/pay-theory/dynamorm/pkg/core"
)

// write is the parameters of create and put.
type write struct {
	Model  string
	Record record
	If     *condition
}

func (a *adapter) create(raw json.RawMessage) (any, error) {
	return a.store(raw, func(m *model, q core.Query) error { return q.Create() })
}

func (a *adapter) put(raw json.RawMessage) (any, error) {
	return a.store(raw, func(m *model, q core.Query) error {
		if m.Version != "" {
			return unversioned("CreateOrUpdate")
		}
		return q.CreateOrUpdate()
	})
}

// unversioned is said of writes for which the library documents no check of the version.
func unversioned(name string) error {
	return refuse("unsupported", "%s replaces an item whatever its version", name)
}

// store calls one of the writes of a whole record.
func (a *adapter) store(raw json.RawMessage, write func(*model, core.Query) error) (any, error) {
	m, whole, guard, err := a.whole(raw)
	if err != nil {
		return nil, err
	}
	q := a.db.Model(whole)
	if err := m.guard(q, guard); err != nil {
		return nil, err
	}
	return struct{}{}, write(m, q)
}

// whole reads a write and fills the model's struct.
func (a *adapter) whole(raw json.RawMessage) (*model, any, *condition, error) {
	var params write
	if err := decode(raw, &params); err != nil {
		return nil, nil, nil, err
	}
	m, err := a.model(params.Model)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := m.complete(params.Record); err != nil {
		return nil, nil, nil, err
	}
	held, err := m.structure(m.full, params.Record)
	return m, held, params.If, err
}

// remove is the method `delete`, a word that Go keeps for itself.
func (a *adapter) remove(raw json.RawMessage) (any, error) {
	m, key, guard, err := a.keyed(raw)
	if err != nil {
		return nil, err
	}
	q := a.db.Model(reflect.New(m.full).Interface())
	if err := m.where(key, func(name string, value any) { q.Where(name, "=", value) }); err != nil {
		return nil, err
	}
	if err := m.guard(q, guard); err != nil {
		return nil, err
	}
	return struct{}{}, q.Delete()
}

// keyed reads the parameters of calls on one key.
func (a *adapter) keyed(raw json.RawMessage) (*model, record, *condition, error) {
	var params struct {
		Model string
		Key   record
		If    *condition
	}
	if err := decode(raw, &params); err != nil {
		return nil, nil, nil, err
	}
	m, err := a.model(params.Model)
	return m, params.Key, params.If, err
}

func (a *adapter) batchPut(raw json.RawMessage) (any, error) {
	var params struct {
		Model   string
		Records []record
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	m, err := a.model(params.Model)
	if err != nil {
		return nil, err
	}
	if m.Version != "" {
		return nil, unversioned("BatchCreate")
	}
	items := reflect.MakeSlice(reflect.SliceOf(m.full), len(params.Records), len(params.Records))
	for i, values := range params.Records {
		if err := m.complete(values); err != nil {
			return nil, err
		}
		if err := fill(items.Index(i), m.Fields, values); err != nil {
			return nil, err
		}
	}
	return struct{}{}, a.db.Model(reflect.New(m.full).Interface()).BatchCreate(items.Interface())
}

func (a *adapter) batchDelete(raw json.RawMessage) (any, error) {
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
	return struct{}{}, a.db.Model(reflect.New(m.full).Interface()).BatchDelete(pairs)
}
