package main

import (
	"encoding/base64"
	"reflect"
	"strconv"
	"time"
)

// load is the attribute value of a Go variable; nil where it holds Go's nil.
func load(src reflect.Value, k *kind) map[string]any {
	switch src.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		if src.IsNil() {
			return nil
		}
	}
	if src.Kind() == reflect.Pointer {
		src = src.Elem()
	}
	k = k.inner()
	switch k.name {
	case "any":
		return loadNatural(src.Interface())
	case "list":
		return map[string]any{"L": loadItems(src, k.elem)}
	case "set":
		return loadSet(src, k)
	case "map":
		entries := map[string]any{}
		for _, key := range src.MapKeys() {
			entries[key.String()] = orNull(load(src.MapIndex(key), k.elem))
		}
		return map[string]any{"M": entries}
	case "struct":
		return map[string]any{"M": collect(src, k.fields, nil)}
	}
	return loadNatural(src.Interface())
}

func orNull(v map[string]any) map[string]any {
	if v == nil {
		return map[string]any{"NULL": true}
	}
	return v
}

func loadItems(src reflect.Value, elem *kind) []any {
	items := make([]any, src.Len())
	for i := range items {
		items[i] = orNull(load(src.Index(i), elem))
	}
	return items
}

func loadSet(src reflect.Value, k *kind) map[string]any {
	tag := map[string]string{"string": "SS", "bytes": "BS"}[k.elem.name]
	members := make([]any, src.Len())
	for i := range members {
		for _, text := range load(src.Index(i), k.elem) {
			members[i] = text
		}
	}
	return map[string]any{tag: members}
}

func loadNatural(value any) map[string]any {
	switch v := value.(type) {
	case nil:
		return map[string]any{"NULL": true}
	case string:
		return map[string]any{"S": v}
	case bool:
		return map[string]any{"BOOL": v}
	case []byte:
		return map[string]any{"B": base64.StdEncoding.EncodeToString(v)}
	case time.Time:
		return map[string]any{"S": v.Format(time.RFC3339Nano)}
	}
	src := reflect.ValueOf(value)
	free := &kind{name: "any"}
	switch {
	case src.CanInt():
		return map[string]any{"N": strconv.FormatInt(src.Int(), 10)}
	case src.CanUint():
		return map[string]any{"N": strconv.FormatUint(src.Uint(), 10)}
	case src.CanFloat():
		return map[string]any{"N": strconv.FormatFloat(src.Float(), 'f', -1, 64)}
	case src.Kind() == reflect.Map:
		entries := map[string]any{}
		for _, key := range src.MapKeys() {
			entries[key.String()] = loadNatural(src.MapIndex(key).Interface())
		}
		return map[string]any{"M": entries}
	case src.Kind() == reflect.Slice:
		return map[string]any{"L": loadItems(src, free)}
	}
	return map[string]any{"S": src.String()}
}
