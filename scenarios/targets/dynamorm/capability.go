package main

import (
	"maps"
	"slices"
)

// capabilities is the answer to `initialize`. The contract holds what the library documents, with the
// page and the words; of what it leaves open nothing is said.
func capabilities() map[string]any {
	var types []any
	for _, name := range slices.Sorted(maps.Keys(plainTypes)) {
		// A time.Time is stored as RFC3339Nano (DMS 0.1, Timestamp encoding), not as the text that it was read from.
		if name != "timestamp" {
			types = append(types, name)
		}
	}
	for _, of := range slices.Sorted(maps.Keys(setMembers)) {
		types = append(types, map[string]string{"set": of})
	}
	types = append(types, "list", "map", "option", "struct")
	offered := slices.Sorted(maps.Keys(methods))
	return map[string]any{
		"name":     "dynamorm",
		"version":  "1",
		"language": "go",
		"library":  map[string]any{"name": "github.com/pay-theory/dynamorm", "version": "1.3.0"},
		"role":     "mapper",
		"methods":  append(offered, "define", "reset"),
		// core-patterns and api-reference, Update: "Updates specific fields […]. If fields is empty,
		// updates all non-key fields"; Update Builder.
		"update_forms":    []string{"named", "partial", "whole", "builder"},
		"update_operands": []string{"set", "remove", "add", "delete_from_set", "append", "prepend", "set_path"},
		"types":           types,
		"conditions":      append(slices.Sorted(maps.Keys(operators)), "and", "or"),
		"features": map[string]any{
			"tenancy":       false,
			"version":       true, // struct-definition-guide, Lifecycle fields
			"encrypted":     true, // struct-definition-guide, Field-level encryption
			"concurrent":    true,
			"hostile_names": false, // the naming conventions allow letters, digits and underscores
			"indexes":       true,
			"default":       false,
			"omit_empty":    true,
			"if":            true,
		},
		"contract": map[string]any{
			// struct-definition-guide: "Use omitempty to omit empty values from marshaling"; the
			// specification of the schema (DMS 0.1) lists 0, false and the empty collections as empty.
			"empty_in_partial": "keep",
			"zero_in_partial":  "keep",
			// api-reference, IfNotExists: "Guards Create(): succeeds only if the primary key does not exist".
			"create_overwrites": true,
			// core-patterns, Efficient Query vs. Scan: Where() on a field that is no key is a "full table scan".
			"silent_scan": true,
			// Filter, OrFilter, FilterGroup, OrFilterGroup of core.Query: groups are said by the caller.
			"condition_combination": "grouped",
			// api-reference, IfExists: "Guards Update()/Delete(): succeeds only if the primary key exists".
			"update_missing": "create",
			// struct-definition-guide: "ciphertext is non-deterministic".
			"encryption": "random",
			// api-reference, session.Config: MaxRetries, "Max SDK retries for failed requests", default 3.
			"retry": map[string]any{"retries": 3},
			// Time fields of these names are set to the present by the library.
			"managed":  []string{"createdAt", "updatedAt"},
			"key_case": "preserve",
		},
	}
}
