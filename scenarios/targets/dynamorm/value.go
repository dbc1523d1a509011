package main

import (
	"encoding/json"
	"math/big"
	"reflect"
	"strconv"
	"time"
)

// attribute is an attribute value of the protocol: `{"S":"x"}`, or `{"$absent":true}`.
type attribute struct {
	tag string // "S", "N", …; "$absent"
	raw json.RawMessage
}

const absent = "$absent"

// UnmarshalJSON reads an object of one key.
func (v *attribute) UnmarshalJSON(text []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return err
	}
	if len(object) != 1 {
		return refuse("validation", "not an attribute value: %s", text)
	}
	for tag, raw := range object {
		v.tag, v.raw = tag, raw
	}
	return nil
}

func (v attribute) read(into any) error {
	if err := json.Unmarshal(v.raw, into); err != nil {
		return refuse("validation", "not a value of type %s: %s", v.tag, v.raw)
	}
	return nil
}

func misfit(v attribute, k *kind) error {
	return refuse("encode", "a value of type %s does not fit a %s", v.tag, k.name)
}

// store puts a value into a Go variable of the kind's type. What the type cannot hold is an `encode`
// error: the program that passes it would not compile.
func store(dst reflect.Value, k *kind, v attribute) error {
	if v.tag == absent || v.tag == "NULL" {
		return storeNil(dst, k, v)
	}
	if dst.Kind() == reflect.Pointer {
		dst.Set(reflect.New(dst.Type().Elem()))
		dst = dst.Elem()
	}
	k = k.inner()
	switch k.name {
	case "string", "timestamp":
		return storeText(dst, k, v)
	case "bool":
		var b bool
		if v.tag != "BOOL" {
			return misfit(v, k)
		}
		err := v.read(&b)
		dst.SetBool(b)
		return err
	case "bytes":
		var b []byte
		if v.tag != "B" {
			return misfit(v, k)
		}
		err := v.read(&b)
		dst.SetBytes(b)
		return err
	case "list":
		return storeList(dst, k, v)
	case "set":
		return storeSet(dst, k, v)
	case "map":
		return storeMap(dst, k, v)
	case "struct":
		if v.tag != "M" {
			return misfit(v, k)
		}
		var members map[string]attribute
		if err := v.read(&members); err != nil {
			return err
		}
		return fill(dst, k.fields, members)
	case "any":
		dynamic, err := natural(v)
		if err == nil && dynamic != nil {
			dst.Set(reflect.ValueOf(dynamic))
		}
		return err
	default:
		return storeNumber(dst, k, v)
	}
}

// storeNil is Go's nil, which without omitempty the library stores as NULL.
func storeNil(dst reflect.Value, k *kind, v attribute) error {
	switch {
	case v.tag == "NULL" && k.name != "option" && k.name != "any":
		return misfit(v, k)
	case k.name != "option" && !k.nilable():
		return refuse("unsupported", "a Go %s has no nil", k.name)
	}
	dst.SetZero()
	return nil
}

func storeText(dst reflect.Value, k *kind, v attribute) error {
	var s string
	if v.tag != "S" {
		return misfit(v, k)
	}
	if err := v.read(&s); err != nil {
		return err
	}
	if k.name == "string" {
		dst.SetString(s)
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Format(time.RFC3339Nano) != s {
		return refuse("encode", "a time.Time does not keep this text: %q", s)
	}
	dst.Set(reflect.ValueOf(t))
	return nil
}

func storeNumber(dst reflect.Value, k *kind, v attribute) error {
	var text string
	if v.tag != "N" {
		return misfit(v, k)
	}
	if err := v.read(&text); err != nil {
		return err
	}
	number, ok := new(big.Rat).SetString(text)
	if !ok {
		return refuse("validation", "not a number: %q", text)
	}
	outside := refuse("encode", "%s does not fit a %s", text, k.name)
	switch {
	case k.name == "float64":
		f, ok := double(number)
		if !ok {
			return outside
		}
		dst.SetFloat(f)
	case !number.IsInt():
		return outside
	case dst.CanInt():
		if !number.Num().IsInt64() || dst.OverflowInt(number.Num().Int64()) {
			return outside
		}
		dst.SetInt(number.Num().Int64())
	default:
		if !number.Num().IsUint64() || dst.OverflowUint(number.Num().Uint64()) {
			return outside
		}
		dst.SetUint(number.Num().Uint64())
	}
	return nil
}

// double is the float64 whose shortest decimal is the number; false where a double holds less.
func double(number *big.Rat) (float64, bool) {
	f, _ := number.Float64()
	shortest, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	return f, ok && shortest.Cmp(number) == 0
}

func storeList(dst reflect.Value, k *kind, v attribute) error {
	var items []attribute
	if v.tag != "L" {
		return misfit(v, k)
	}
	if err := v.read(&items); err != nil {
		return err
	}
	return storeItems(dst, k.elem, items)
}

func storeItems(dst reflect.Value, elem *kind, items []attribute) error {
	dst.Set(reflect.MakeSlice(dst.Type(), len(items), len(items)))
	for i, item := range items {
		if err := store(dst.Index(i), elem, item); err != nil {
			return err
		}
	}
	return nil
}

func storeSet(dst reflect.Value, k *kind, v attribute) error {
	var texts []json.RawMessage
	member := map[string]string{"SS": "S", "BS": "B"}[v.tag]
	if member == "" {
		return misfit(v, k)
	}
	if err := v.read(&texts); err != nil {
		return err
	}
	items := make([]attribute, len(texts))
	for i, text := range texts {
		items[i] = attribute{tag: member, raw: text}
	}
	return storeItems(dst, k.elem, items)
}

func storeMap(dst reflect.Value, k *kind, v attribute) error {
	var entries map[string]attribute
	if v.tag != "M" {
		return misfit(v, k)
	}
	if err := v.read(&entries); err != nil {
		return err
	}
	dst.Set(reflect.MakeMapWithSize(dst.Type(), len(entries)))
	for key, entry := range entries {
		value := reflect.New(dst.Type().Elem()).Elem()
		if err := store(value, k.elem, entry); err != nil {
			return err
		}
		dst.SetMapIndex(reflect.ValueOf(key), value)
	}
	return nil
}

// natural is what a programmer passes where no type is declared.
func natural(v attribute) (any, error) {
	as := func(k *kind) (any, error) {
		typ, err := k.goType()
		if err != nil {
			return nil, err
		}
		dst := reflect.New(typ).Elem()
		err = store(dst, k, v)
		return dst.Interface(), err
	}
	free := &kind{name: "any"}
	switch v.tag {
	case "NULL", absent:
		return nil, nil
	case "S":
		return as(&kind{name: "string"})
	case "BOOL":
		return as(&kind{name: "bool"})
	case "B":
		return as(&kind{name: "bytes"})
	case "N":
		if whole, err := as(&kind{name: "int64"}); err == nil {
			return whole, nil
		}
		return as(&kind{name: "float64"})
	case "L":
		return as(&kind{name: "list", elem: free})
	case "M":
		return as(&kind{name: "map", elem: free})
	}
	return nil, refuse("encode", "an untyped Go value is no set")
}
