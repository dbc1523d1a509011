package main

import (
	"encoding/json"
	"reflect"

	"github.com/pay-theory/dynamorm"
	"github.com/pay-theory/dynamorm/pkg/core"
)

func (a *adapter) transact(raw json.RawMessage) (any, error) {
	var params struct {
		Actions []map[string]json.RawMessage
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	tx := a.db.Transact()
	for _, action := range params.Actions {
		for name, inner := range action {
			if err := a.addAction(tx, name, inner); err != nil {
				return nil, err
			}
		}
	}
	return struct{}{}, tx.Execute()
}

func (a *adapter) addAction(tx core.TransactionBuilder, name string, raw json.RawMessage) error {
	switch name {
	case "put":
		m, whole, guard, err := a.whole(raw)
		if err != nil {
			return err
		}
		if m.Version != "" {
			return unversioned("Put")
		}
		conditions, err := m.transactConditions(guard)
		if err == nil {
			tx.Put(whole, conditions...)
		}
		return err
	case "update":
		return a.addUpdate(tx, raw)
	case "delete", "check":
		m, key, guard, err := a.keyed(raw)
		if err != nil {
			return err
		}
		held, err := m.structure(m.full, key)
		if err != nil {
			return err
		}
		conditions, err := m.transactConditions(guard)
		if err != nil {
			return err
		}
		if name == "delete" {
			tx.Delete(held, conditions...)
		} else {
			tx.ConditionCheck(held, conditions...)
		}
		return nil
	}
	return refuse("validation", "no action is called %q", name)
}

func (a *adapter) addUpdate(tx core.TransactionBuilder, raw json.RawMessage) error {
	var params update
	if err := decode(raw, &params); err != nil {
		return err
	}
	m, err := a.model(params.Model)
	if err != nil {
		return err
	}
	switch params.Form {
	case "builder":
		held, err := m.structure(m.full, params.Key)
		if err != nil {
			return err
		}
		var inside error
		tx.UpdateWithBuilder(held, func(builder core.UpdateBuilder) error {
			inside = m.build(builder, &params)
			return inside
		})
		return inside
	case "named":
		held, names, err := m.updated(&params)
		if err != nil {
			return err
		}
		conditions, err := m.transactConditions(params.If)
		if err != nil {
			return err
		}
		if m.Version != "" {
			f, _ := m.field(m.Version)
			conditions = append(conditions, dynamorm.AtVersion(versionOf(held, f)))
		}
		tx.Update(held, names, conditions...)
		return nil
	}
	return refuse("unsupported", "a transaction updates named fields, or by a builder")
}

// versionOf is the version that a struct carries.
func versionOf(held any, f *field) int64 {
	value := reflect.ValueOf(held).Elem().FieldByName(f.goName())
	if value.CanUint() {
		return int64(value.Uint())
	}
	return value.Int()
}

func (m *model) transactConditions(guard *condition) ([]core.TransactCondition, error) {
	leaves, err := m.leaves(guard, "and")
	if err != nil {
		return nil, err
	}
	var conditions []core.TransactCondition
	for _, l := range leaves {
		switch {
		case m.onPartitionKey(l) && l.operator == "EXISTS":
			conditions = append(conditions, dynamorm.IfExists())
		case m.onPartitionKey(l) && l.operator == "NOT_EXISTS":
			conditions = append(conditions, dynamorm.IfNotExists())
		default:
			conditions = append(conditions, dynamorm.Condition(l.field, l.operator, l.value))
		}
	}
	return conditions, nil
}
