package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/pay-theory/dynamorm"
	"github.com/pay-theory/dynamorm/pkg/core"
	"github.com/pay-theory/dynamorm/pkg/session"
)

// adapter is the state between requests: a connection and the models that were defined.
type adapter struct {
	mu     sync.RWMutex
	config session.Config
	db     core.ExtendedDB
	models map[string]*model
}

func newAdapter() *adapter {
	return &adapter{models: map[string]*model{}}
}

// answer runs one request. Calls that change the adapter's own state exclude all others.
func (a *adapter) answer(req request) response {
	var result any
	var err error
	switch req.Method {
	case "initialize", "define", "reset":
		a.mu.Lock()
		defer a.mu.Unlock()
		result, err = a.configure(req)
	default:
		a.mu.RLock()
		defer a.mu.RUnlock()
		method, known := methods[req.Method]
		switch {
		case !known:
			return response{ID: req.ID, Error: &rpcError{Code: -32601, Message: "no such method: " + req.Method}}
		case a.db == nil:
			err = refuse("validation", "initialize comes first")
		default:
			result, err = method(a, req.Params)
		}
	}
	if err != nil {
		return response{ID: req.ID, Error: describe(err, readMethods[req.Method])}
	}
	return response{ID: req.ID, Result: result}
}

func (a *adapter) configure(req request) (any, error) {
	switch req.Method {
	case "initialize":
		return a.initialize(req.Params)
	case "define":
		return a.define(req.Params)
	default:
		return struct{}{}, a.reset()
	}
}

// methods are the calls that need a connection.
var methods = map[string]func(*adapter, json.RawMessage) (any, error){
	"create":       (*adapter).create,
	"put":          (*adapter).put,
	"get":          (*adapter).get,
	"update":       (*adapter).update,
	"delete":       (*adapter).remove,
	"query":        (*adapter).query,
	"scan":         (*adapter).scan,
	"batch_get":    (*adapter).batchGet,
	"batch_put":    (*adapter).batchPut,
	"batch_delete": (*adapter).batchDelete,
	"transact":     (*adapter).transact,
	"unmarshal":    (*adapter).unmarshal,
}

// readMethods are those in which an error of the library itself means that a stored value did not fit.
var readMethods = map[string]bool{"get": true, "query": true, "scan": true, "batch_get": true, "unmarshal": true}

func (a *adapter) initialize(raw json.RawMessage) (any, error) {
	var params struct {
		Protocol int
		Endpoint struct {
			URL             string
			Region          string
			AccessKeyID     string `json:"access_key_id"`
			SecretAccessKey string `json:"secret_access_key"`
		}
		Seed int64
	}
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	if params.Protocol != 1 {
		return nil, refuse("unsupported", "protocol %d: this adapter speaks 1", params.Protocol)
	}
	keys := newKeyService(params.Seed)
	a.config = session.Config{
		Region:   params.Endpoint.Region,
		Endpoint: params.Endpoint.URL,
		CredentialsProvider: credentials.NewStaticCredentialsProvider(
			params.Endpoint.AccessKeyID, params.Endpoint.SecretAccessKey, ""),
		KMSKeyARN:      keyARN,
		KMSClient:      keys,
		EncryptionRand: keys,
	}
	if err := a.connect(); err != nil {
		return nil, err
	}
	return capabilities(), nil
}

func (a *adapter) connect() error {
	db, err := dynamorm.New(a.config)
	if err != nil {
		return err
	}
	a.db = db
	return nil
}

func (a *adapter) define(raw json.RawMessage) (any, error) {
	var params struct{ Model *model }
	if err := decode(raw, &params); err != nil {
		return nil, err
	}
	if params.Model == nil {
		return nil, refuse("validation", "define needs a model")
	}
	if err := params.Model.compile(); err != nil {
		return nil, err
	}
	if a.db == nil {
		return nil, refuse("validation", "initialize comes first")
	}
	if err := params.Model.register(a.db); err != nil {
		return nil, err
	}
	a.models[params.Model.Name] = params.Model
	return struct{}{}, nil
}

// reset drops all that the library caches, by a new connection, and keeps the models.
func (a *adapter) reset() error {
	if err := a.connect(); err != nil {
		return err
	}
	for _, m := range a.models {
		if err := m.register(a.db); err != nil {
			return err
		}
	}
	return nil
}

func (a *adapter) model(name string) (*model, error) {
	if m, ok := a.models[name]; ok {
		return m, nil
	}
	return nil, refuse("validation", "no model is called %q", name)
}

// decode reads params; what does not fit them is the caller's mistake.
func decode(raw json.RawMessage, into any) error {
	if len(raw) == 0 {
		raw = json.RawMessage("{}")
	}
	err := json.Unmarshal(raw, into)
	var own *refusal
	if err == nil || errors.As(err, &own) {
		return err
	}
	return refuse("validation", "params: %v", err)
}

// refuse is an error of the adapter: what Go or the library's interface cannot express.
func refuse(kind, format string, args ...any) error {
	return &refusal{kind: kind, message: fmt.Sprintf(format, args...)}
}
