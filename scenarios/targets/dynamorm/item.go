package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// rawItem is a stored item as the AWS SDK has it, the form in which streams hand items to a program.
func rawItem(item map[string]attribute) (map[string]types.AttributeValue, error) {
	out := make(map[string]types.AttributeValue, len(item))
	for name, value := range item {
		converted, err := rawValue(value)
		if err != nil {
			return nil, err
		}
		out[name] = converted
	}
	return out, nil
}

func rawValue(v attribute) (types.AttributeValue, error) {
	switch v.tag {
	case "S":
		out := &types.AttributeValueMemberS{}
		return out, v.read(&out.Value)
	case "N":
		out := &types.AttributeValueMemberN{}
		return out, v.read(&out.Value)
	case "B":
		out := &types.AttributeValueMemberB{}
		return out, v.read(&out.Value)
	case "BOOL":
		out := &types.AttributeValueMemberBOOL{}
		return out, v.read(&out.Value)
	case "NULL":
		out := &types.AttributeValueMemberNULL{}
		return out, v.read(&out.Value)
	case "SS":
		out := &types.AttributeValueMemberSS{}
		return out, v.read(&out.Value)
	case "NS":
		out := &types.AttributeValueMemberNS{}
		return out, v.read(&out.Value)
	case "BS":
		out := &types.AttributeValueMemberBS{}
		return out, v.read(&out.Value)
	case "L":
		var items []attribute
		if err := v.read(&items); err != nil {
			return nil, err
		}
		out := &types.AttributeValueMemberL{Value: make([]types.AttributeValue, len(items))}
		for i, item := range items {
			var err error
			if out.Value[i], err = rawValue(item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case "M":
		var entries map[string]attribute
		if err := v.read(&entries); err != nil {
			return nil, err
		}
		inner, err := rawItem(entries)
		return &types.AttributeValueMemberM{Value: inner}, err
	}
	return nil, refuse("validation", "not a stored value: %s", v.tag)
}
