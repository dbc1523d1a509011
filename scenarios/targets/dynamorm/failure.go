package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/aws/smithy-go"
	sentinel "github.com/pay-theory/dynamorm/pkg/errors"
	"github.com/pay-theory/dynamorm/pkg/validation"
)

// rpcError is the error of an answer. The message is the library's text, unchanged.
type rpcError struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Data    *errorData `json:"data,omitempty"`
}

type errorData struct {
	Kind   string            `json:"kind"`
	Type   string            `json:"type"`
	Fields map[string]string `json:"fields,omitempty"`
}

// refusal is an error of the adapter, not of the library.
type refusal struct{ kind, message string }

func (r *refusal) Error() string { return r.message }

// codes are DynamoDB's error codes as kinds.
var codes = map[string]string{
	"ConditionalCheckFailedException":        "condition_failed",
	"ValidationException":                    "validation",
	"SerializationException":                 "validation",
	"ItemCollectionSizeLimitExceeded":        "validation",
	"IdempotentParameterMismatchException":   "validation",
	"TransactionConflictException":           "conflict",
	"TransactionInProgressException":         "conflict",
	"TransactionCanceledException":           "conflict",
	"ProvisionedThroughputExceededException": "throttled",
	"ThrottlingException":                    "throttled",
	"RequestLimitExceeded":                   "throttled",
}

// describe is the protocol's form of an error. An error without a sentinel and without an answer of
// DynamoDB is the library's own: of a stored value in a read, of the arguments in a write.
func describe(err error, reading bool) *rpcError {
	data := &errorData{Kind: kindOf(err, reading), Type: fmt.Sprintf("%T", root(err)), Fields: map[string]string{}}
	var security *validation.SecurityError
	var transaction *sentinel.TransactionError
	var encrypted *sentinel.EncryptedFieldError
	var api smithy.APIError
	switch {
	case errors.As(err, &security):
		data.Type = fmt.Sprintf("%T", security)
		data.Fields["Type"], data.Fields["Field"], data.Fields["Detail"] = security.Type, security.Field, security.Detail
	case errors.As(err, &transaction):
		data.Type = fmt.Sprintf("%T", transaction)
		data.Fields["Operation"], data.Fields["Model"] = transaction.Operation, transaction.Model
		data.Fields["Reason"], data.Fields["OperationIndex"] = transaction.Reason, strconv.Itoa(transaction.OperationIndex)
	case errors.As(err, &encrypted):
		data.Type = fmt.Sprintf("%T", encrypted)
		data.Fields["Field"], data.Fields["Operation"] = encrypted.Field, encrypted.Operation
	case errors.As(err, &api):
		data.Type = api.ErrorCode()
	}
	return &rpcError{Code: -32000, Message: err.Error(), Data: data}
}

func kindOf(err error, reading bool) string {
	var own *refusal
	var api smithy.APIError
	var network net.Error
	switch {
	case errors.As(err, &own):
		return own.kind
	case errors.Is(err, sentinel.ErrConditionFailed):
		return "condition_failed"
	case errors.Is(err, sentinel.ErrItemNotFound):
		return "not_found"
	case errors.Is(err, sentinel.ErrEncryptedFieldNotQueryable):
		return "unsupported"
	case errors.Is(err, sentinel.ErrTransactionFailed):
		return "conflict"
	case errors.As(err, &api):
		if kind, known := codes[api.ErrorCode()]; known {
			return kind
		}
		return "internal"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	case isOperation(err):
		return "internal"
	case ownArguments(err) || !reading:
		return "validation"
	}
	return "decode"
}

// isOperation says whether the error comes from a request that was, or was to be, sent.
func isOperation(err error) bool {
	var operation *smithy.OperationError
	return errors.As(err, &operation)
}

// ownArguments says whether the library refused what it was called with.
func ownArguments(err error) bool {
	var security *validation.SecurityError
	return errors.As(err, &security) || errors.Is(err, sentinel.ErrInvalidOperator) ||
		errors.Is(err, sentinel.ErrInvalidModel) || errors.Is(err, sentinel.ErrInvalidTag)
}

// root is the innermost error of a chain.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
