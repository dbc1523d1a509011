// Command adapter lets Proofhouse drive DynamORM, the Go mapper for DynamoDB.
//
// It reads JSON-RPC requests of the target protocol, one a line, from standard input and answers on
// standard output. Each request becomes one call of the library; nothing is retried, checked or
// repaired on the way. A panic inside the library is not caught: it ends the process with its stack
// on standard error, as it would end a user's program.
//
//	main.go        the loop that reads requests and writes answers
//	adapter.go     state, and the table of methods
//	capability.go  what the library offers and documents
//	model.go       data models as Go struct types, made at run time
//	kind.go        field types as Go types
//	value.go       attribute values as Go values
//	load.go        Go values as attribute values
//	item.go        attribute values as the AWS SDK has them
//	record.go      records to and from structs
//	condition.go   condition trees as filters and as conditions of writes
//	read.go        get, query, scan, batch_get, unmarshal
//	write.go       create, put, delete, batch_put, batch_delete
//	update.go      the forms of update
//	transact.go    transactions
//	failure.go     the library's errors as kinds of the protocol
//	keys.go        the key service that encrypted fields need
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
)

// request is one line of standard input.
type request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// response is one line of standard output: a result or an error, never both.
type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
}

// output serialises answers: requests run at the same time, lines must not mix.
type output struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *output) send(answer response) {
	answer.Version = "2.0"
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		panic(fmt.Sprintf("an answer that is no JSON: %v", err))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := o.w.Write(line.Bytes()); err != nil {
		os.Exit(0) // nobody listens any more
	}
}

func main() {
	out := &output{w: os.Stdout}
	target := newAdapter()
	in := bufio.NewReader(os.Stdin)
	var running sync.WaitGroup
	for {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var req request
			if err := json.Unmarshal(line, &req); err != nil {
				out.send(response{ID: json.RawMessage("null"), Error: &rpcError{Code: -32700, Message: err.Error()}})
				continue
			}
			if req.Method == "shutdown" {
				running.Wait()
				out.send(response{ID: req.ID, Result: struct{}{}})
				return
			}
			running.Add(1)
			go func() {
				defer running.Done()
				out.send(target.answer(req))
			}()
		}
		if err != nil {
			running.Wait()
			return
		}
	}
}
