package main

import "reflect"

// record is field values by name; a field that is left out is not in the map.
type record map[string]attribute

// fill sets the fields of a struct that the record mentions.
func fill(dst reflect.Value, fields []field, values record) error {
	known := 0
	for i := range fields {
		f := &fields[i]
		value, mentioned := values[f.Name]
		if !mentioned {
			continue
		}
		known++
		if value.tag == "NULL" && f.omits() && f.Type.name == "option" {
			return refuse("unsupported", "field %s: a nil pointer with omitempty is no NULL", f.Name)
		}
		if err := store(dst.FieldByName(f.goName()), f.Type, value); err != nil {
			return err
		}
	}
	if known != len(values) {
		return refuse("validation", "the record has fields that the model does not declare")
	}
	return nil
}

// complete refuses a record that leaves out a field which must not be stored then, but whose tag cannot
// be omitempty. Other fields that are left out are stored as Go's zero value, as in any Go program.
func (m *model) complete(values record) error {
	for i := range m.Fields {
		f := &m.Fields[i]
		value, mentioned := values[f.Name]
		if (!mentioned || value.tag == absent) && f.OmitEmpty && !f.omits() {
			return refuse("unsupported", "field %s: omitempty would drop its zero too", f.Name)
		}
		if mentioned && f.omits() {
			if err := m.distinct(f, value, m.full); err != nil {
				return err
			}
		}
	}
	return nil
}

// distinct refuses a struct whose members are given, but all zero: the library documents that
// omitempty takes it for no struct at all, which the protocol's contract has no words for.
func (m *model) distinct(f *field, value attribute, typ reflect.Type) error {
	if f.Type.inner().name != "struct" || value.tag != "M" || string(value.raw) == "{}" {
		return nil
	}
	held := reflect.New(typ).Elem().FieldByName(f.goName())
	if err := store(held, f.Type, value); err != nil {
		return err
	}
	if reflect.Indirect(held).IsZero() {
		return refuse("unsupported", "field %s: a struct of zeros is empty", f.Name)
	}
	return nil
}

// collect is the record of a struct: fields with Go's nil are left out. `only` restricts it to the
// fields that were asked for.
func collect(src reflect.Value, fields []field, only map[string]bool) map[string]any {
	out := map[string]any{}
	for i := range fields {
		f := &fields[i]
		held := src.FieldByName(f.goName())
		if only != nil && !only[f.Name] {
			continue
		}
		if value := load(held, f.Type); value != nil {
			out[f.Name] = value
		}
	}
	return out
}

// structure is a pointer to a new struct of the type, filled from the records in order.
func (m *model) structure(typ reflect.Type, records ...record) (any, error) {
	held := reflect.New(typ)
	for _, values := range records {
		if err := fill(held.Elem(), m.Fields, values); err != nil {
			return nil, err
		}
	}
	return held.Interface(), nil
}

// operand is a value as a program passes it to the library: of the field's Go type where it fits, else untyped.
func operand(k *kind, v attribute) (any, error) {
	if v.tag == absent || v.tag == "NULL" {
		return nil, nil
	}
	typ, err := k.inner().goType()
	if err != nil {
		return nil, err
	}
	dst := reflect.New(typ).Elem()
	if store(dst, k.inner(), v) == nil {
		return dst.Interface(), nil
	}
	return natural(v)
}

// assigned is a value for a field, of the field's own Go type, pointers included.
func (m *model) assigned(f *field, v attribute) (any, error) {
	held := reflect.New(m.full).Elem().FieldByName(f.goName())
	if err := store(held, f.Type, v); err != nil {
		return nil, err
	}
	return held.Interface(), nil
}

// where adds the item's key.
func (m *model) where(key record, add func(name string, value any)) error {
	for _, name := range []string{m.PartitionKey, m.SortKey} {
		if name == "" {
			continue
		}
		f, err := m.field(name)
		if err != nil {
			return err
		}
		value, given := key[name]
		if !given {
			return refuse("validation", "the key needs %s", name)
		}
		part, err := m.assigned(f, value)
		if err != nil {
			return err
		}
		add(f.goName(), part)
	}
	return nil
}
