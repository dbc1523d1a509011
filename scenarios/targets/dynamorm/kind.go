package main

import (
	"encoding/json"
	"reflect"
	"time"
)

// kind is a field's declared type.
type kind struct {
	name   string  // "string", …, "list", "map", "set", "option", "struct"
	elem   *kind   // of a list, a map, an option; of a set its members
	fields []field // of a struct
}

var plainTypes = map[string]reflect.Type{
	"string": reflect.TypeFor[string](), "bool": reflect.TypeFor[bool](), "bytes": reflect.TypeFor[[]byte](),
	"int8": reflect.TypeFor[int8](), "int16": reflect.TypeFor[int16](), "int32": reflect.TypeFor[int32](),
	"int64": reflect.TypeFor[int64](), "uint8": reflect.TypeFor[uint8](), "uint16": reflect.TypeFor[uint16](),
	"uint32": reflect.TypeFor[uint32](), "uint64": reflect.TypeFor[uint64](), "float64": reflect.TypeFor[float64](),
	"timestamp": reflect.TypeFor[time.Time](), "any": reflect.TypeFor[any](),
}

// setMembers are the types of a set's members. Go has no exact decimal for the members of a number set.
var setMembers = map[string]string{"string": "string", "bytes": "bytes"}

// UnmarshalJSON reads `"string"`, `{"list":T}`, `{"set":"string"}`, `{"struct":[field…]}`.
func (k *kind) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, &k.name) == nil {
		if plainTypes[k.name] == nil {
			return refuse("unsupported", "the library has no type for %q", k.name)
		}
		return nil
	}
	var composed map[string]json.RawMessage
	if err := json.Unmarshal(raw, &composed); err != nil {
		return err
	}
	for name, inner := range composed {
		k.name = name
		switch name {
		case "list", "map", "option":
			return json.Unmarshal(inner, &k.elem)
		case "struct":
			return json.Unmarshal(inner, &k.fields)
		case "set":
			var of string
			if err := json.Unmarshal(inner, &of); err != nil {
				return err
			}
			member, ok := setMembers[of]
			if !ok {
				return refuse("unsupported", "no Go type for a set of %q", of)
			}
			k.elem = &kind{name: member}
			return nil
		}
	}
	return refuse("validation", "not a type: %s", raw)
}

// nilable says whether Go's own type has a nil: then it needs no pointer to be optional.
func (k *kind) nilable() bool {
	switch k.name {
	case "bytes", "list", "map", "set", "any":
		return true
	}
	return false
}

// inner is the type under options.
func (k *kind) inner() *kind {
	for k.name == "option" {
		k = k.elem
	}
	return k
}

// goType is the type that a Go programmer would declare.
func (k *kind) goType() (reflect.Type, error) {
	if plain, ok := plainTypes[k.name]; ok {
		return plain, nil
	}
	if k.name == "struct" {
		return structType(k.fields)
	}
	held := k.elem
	if k.name == "option" {
		held = k.inner() // an option of an option is one pointer
	}
	inner, err := held.goType()
	if err != nil {
		return nil, err
	}
	switch k.name {
	case "list", "set":
		return reflect.SliceOf(inner), nil
	case "map":
		return reflect.MapOf(reflect.TypeFor[string](), inner), nil
	default:
		if k.inner().nilable() {
			return inner, nil
		}
		return reflect.PointerTo(inner), nil
	}
}
