package main

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/pay-theory/dynamorm/pkg/core"
	registry "github.com/pay-theory/dynamorm/pkg/model"
)

// model is a data model and the struct types that stand for it.
//
// DynamORM reads its models from struct tags. A user writes the struct; here it is made by
// reflect.StructOf, which costs a millisecond where a generated and compiled program would cost
// seconds for each model.
type model struct {
	Name         string
	Table        string
	PartitionKey string `json:"partition_key"`
	SortKey      string `json:"sort_key"`
	Version      string
	Tenancy      string
	Indexes      []index
	Fields       []field

	full   reflect.Type // the fields as declared
	sparse reflect.Type // the struct for partial updates: every field by value, with omitempty
}

type index struct {
	Name         string
	PartitionKey string `json:"partition_key"`
	SortKey      string `json:"sort_key"`
	Projection   any
}

type field struct {
	Name      string
	Attribute string
	Type      *kind
	OmitEmpty bool `json:"omit_empty"`
	Default   any
	Encrypted bool
}

// TableOfModel gives a struct that embeds it the method by which the library learns the table's name.
type TableOfModel struct{}

// tableName is what TableName answers while a struct type is registered; the library asks once for each type.
var tableName string

// TableName is called by the library's registry.
func (TableOfModel) TableName() string { return tableName }

// typeCount tells struct types apart: equal field lists would be one type, and so one table.
var typeCount atomic.Int64

var (
	camelCase = regexp.MustCompile(`^([a-z][A-Za-z0-9]*|PK|SK)$`)
	snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	inGoName  = regexp.MustCompile(`[^A-Za-z0-9_]`)
)

// attribute is the stored name.
func (f *field) attribute() string {
	if f.Attribute == "" {
		return f.Name
	}
	return f.Attribute
}

// goName is the exported struct field: `name` is Name, `2nd` is F2nd.
func (f *field) goName() string {
	clean := inGoName.ReplaceAllString(f.Name, "_")
	first := strings.ToUpper(clean[:min(1, len(clean))])
	if first < "A" || first > "Z" {
		return "F" + clean
	}
	return first + clean[1:]
}

// canBeEmpty says whether `omit_empty` has a meaning for the type. In the protocol 0 and false are not
// empty; the library's omitempty drops them, so numbers, truth values and times go without the tag.
func (f *field) canBeEmpty() bool {
	switch f.Type.inner().name {
	case "string", "bytes", "list", "map", "set", "struct", "any":
		return true
	}
	return false
}

// omits says whether the field's tag has omitempty.
func (f *field) omits() bool { return f.OmitEmpty && f.canBeEmpty() }

func (m *model) field(name string) (*field, error) {
	for i := range m.Fields {
		if m.Fields[i].Name == name {
			return &m.Fields[i], nil
		}
	}
	return nil, refuse("validation", "model %s has no field %q", m.Name, name)
}

func (m *model) isKey(name string) bool {
	return name == m.PartitionKey || name != "" && name == m.SortKey
}

// compile makes the struct types. What cannot be declared in Go or by tags is unsupported.
func (m *model) compile() error {
	err := declarable(m.Fields)
	if err != nil {
		return err
	}
	if m.full, err = m.structType(false); err != nil {
		return err
	}
	m.sparse, err = m.structType(true)
	return err
}

// declarable says whether Go and the library's tags can express the fields.
func declarable(fields []field) error {
	seen := map[string]bool{}
	for i := range fields {
		f := &fields[i]
		folded := strings.ToLower(f.goName())
		switch {
		case f.Type == nil:
			return refuse("validation", "field %s has no type", f.Name)
		case f.Default != nil:
			return refuse("unsupported", "field %s: the library has no defaults", f.Name)
		case seen[folded]:
			return refuse("unsupported", "field %s: the library compares names without case", f.Name)
		}
		seen[folded] = true
	}
	return nil
}

func (m *model) structType(sparse bool) (reflect.Type, error) {
	convention, err := naming(m.Fields)
	if err != nil {
		return nil, err
	}
	table := reflect.StructField{
		Name:      "TableOfModel",
		Type:      reflect.TypeFor[TableOfModel](),
		Anonymous: true,
		Tag:       reflect.StructTag(fmt.Sprintf(`type:"%d"`, typeCount.Add(1))),
	}
	if convention != "" {
		table.Tag += reflect.StructTag(fmt.Sprintf(` dynamorm:"%s"`, convention))
	}
	list := []reflect.StructField{table}
	for i := range m.Fields {
		f := &m.Fields[i]
		declared, omits := f.Type, f.omits()
		if sparse && !m.isKey(f.Name) && f.Name != m.Version {
			declared, omits = f.Type.inner(), true
		}
		typ, err := declared.goType()
		if err != nil {
			return nil, err
		}
		tag := append([]string{"attr:" + f.attribute()}, m.roles(f)...)
		list = append(list, structField(f, typ, tag, omits))
	}
	return reflect.StructOf(list), nil
}

// roles are the tags that say what a field is for.
func (m *model) roles(f *field) []string {
	var tags []string
	if f.Name == m.PartitionKey {
		tags = append(tags, "pk")
	}
	if f.Name == m.SortKey {
		tags = append(tags, "sk")
	}
	if f.Name == m.Version {
		tags = append(tags, "version")
	}
	if f.Encrypted {
		tags = append(tags, "encrypted")
	}
	for _, index := range m.Indexes {
		if f.Name == index.PartitionKey {
			tags = append(tags, "index:"+index.Name+",pk")
		}
		if f.Name == index.SortKey {
			tags = append(tags, "index:"+index.Name+",sk")
		}
	}
	return tags
}

// structType is the type of a nested struct: attribute names by the library's tag and by json's, as its guide has them.
func structType(fields []field) (reflect.Type, error) {
	if err := declarable(fields); err != nil {
		return nil, err
	}
	convention, err := naming(fields)
	if err != nil {
		return nil, err
	}
	var list []reflect.StructField
	for i := range fields {
		f := &fields[i]
		if f.Encrypted {
			return nil, refuse("unsupported", "member %s: only whole fields are encrypted", f.Name)
		}
		typ, err := f.Type.goType()
		if err != nil {
			return nil, err
		}
		tag := []string{"attr:" + f.attribute()}
		if convention != "" {
			tag = append(tag, convention)
		}
		list = append(list, structField(f, typ, tag, f.omits()))
	}
	return reflect.StructOf(list), nil
}

func structField(f *field, typ reflect.Type, tag []string, omits bool) reflect.StructField {
	if f.Type.inner().name == "set" {
		tag = append(tag, "set")
	}
	json := f.attribute()
	if omits {
		tag = append(tag, "omitempty")
		json += ",omitempty"
	}
	return reflect.StructField{
		Name: f.goName(),
		Type: typ,
		Tag:  reflect.StructTag(fmt.Sprintf(`dynamorm:"%s" json:"%s"`, strings.Join(tag, ","), json)),
	}
}

// naming is the tag for the one convention that all names follow; the library knows two.
func naming(fields []field) (string, error) {
	camel, snake := true, true
	for i := range fields {
		camel = camel && camelCase.MatchString(fields[i].attribute())
		snake = snake && snakeCase.MatchString(fields[i].attribute())
	}
	switch {
	case camel:
		return "", nil
	case snake:
		return "naming:snake_case", nil
	}
	return "", refuse("unsupported", "attribute names must all be camelCase, or all snake_case")
}

// register makes the library read both struct types while tableName holds the model's table.
func (m *model) register(db core.DB) error {
	tableName = m.Table
	for _, typ := range []reflect.Type{m.full, m.sparse} {
		if err := registry.NewRegistry().Register(reflect.New(typ).Interface()); err != nil {
			return refuse("unsupported", "the library refuses the model: %v", err)
		}
		db.Model(reflect.New(typ).Interface())
	}
	return nil
}
