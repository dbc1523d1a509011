package main

import (
	"encoding/json"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// rig is an adapter before an endpoint that keeps what it is sent and gives prepared answers.
type rig struct {
	t       *testing.T
	target  *adapter
	sent    []sent
	answers map[string]string // by operation; "{}" where nothing is prepared
}

type sent struct {
	operation string
	body      map[string]any
}

func open(t *testing.T) *rig {
	t.Helper()
	if os.Getenv("AWS_CA_BUNDLE") != "" {
		t.Setenv("AWS_CA_BUNDLE", "") // the library does not start with it
	}
	s := &rig{t: t, target: newAdapter(), answers: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		raw, _ := io.ReadAll(r.Body)
		var body map[string]any
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Errorf("%s: %v", operation, err)
		}
		s.sent = append(s.sent, sent{operation, body})
		answer, prepared := s.answers[operation]
		if !prepared {
			answer = "{}"
		}
		w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(answer))), 10))
		if strings.Contains(answer, "__type") {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	s.ok("initialize", `{"protocol":1,"seed":7,"endpoint":{"url":"`+server.URL+
		`","region":"us-east-1","access_key_id":"k","secret_access_key":"s"}}`)
	return s
}

func (s *rig) call(method, params string) response {
	return s.target.answer(request{ID: json.RawMessage("1"), Method: method, Params: json.RawMessage(params)})
}

// ok is the result of a call that must succeed, as JSON.
func (s *rig) ok(method, params string) string {
	s.t.Helper()
	answer := s.call(method, params)
	if answer.Error != nil {
		s.t.Fatalf("%s %s: %s", method, params, answer.Error.Message)
	}
	text, err := json.Marshal(answer.Result)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// fails expects an error of the kind.
func (s *rig) fails(kind, method, params string) {
	s.t.Helper()
	answer := s.call(method, params)
	if answer.Error == nil || answer.Error.Data.Kind != kind {
		s.t.Errorf("%s %s: %+v is not %s", method, params, answer, kind)
	}
}

// last is the last request, which must be of the operation.
func (s *rig) last(operation string) map[string]any {
	s.t.Helper()
	if len(s.sent) == 0 || s.sent[len(s.sent)-1].operation != operation {
		s.t.Fatalf("the last request is no %s: %v", operation, s.sent)
	}
	return s.sent[len(s.sent)-1].body
}

const user = `{"model":{"name":"User","table":"users","partition_key":"id","sort_key":"at",
 "indexes":[{"name":"byOrg","partition_key":"org","sort_key":"at","projection":"keys"}],
 "fields":[{"name":"id","type":"string"},{"name":"at","type":"int64"},{"name":"org","type":"string"},
  {"name":"n","attribute":"amount","type":"int32"},{"name":"tags","type":{"list":"string"},"omit_empty":true},
  {"name":"perms","type":{"set":"string"}},{"name":"nick","type":{"option":"string"}},
  {"name":"home","type":{"struct":[{"name":"street","type":"string"}]}},{"name":"card","type":"string"}]}}`

const key = `"key":{"id":{"S":"a"},"at":{"N":"1"}}`

func defined(t *testing.T) *rig {
	s := open(t)
	s.ok("define", user)
	return s
}

func equal(t *testing.T, what string, got any, want string) {
	t.Helper()
	var expected any
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, expected) {
		text, _ := json.Marshal(got)
		t.Errorf("%s is %s, not %s", what, text, want)
	}
}

func TestAttributesHaveTheirDeclaredNames(t *testing.T) {
	s := defined(t)
	s.ok("create", `{"model":"User","record":{"id":{"S":"a"},"at":{"N":"1"},"n":{"N":"3"}}}`)
	body := s.last("PutItem")
	equal(t, "the table", body["TableName"], `"users"`)
	equal(t, "amount", body["Item"].(map[string]any)["amount"], `{"N":"3"}`)
}

func TestWhatAPartialUpdateLeavesOutIsNotSent(t *testing.T) {
	s := defined(t)
	s.ok("update", `{"model":"User",`+key+`,"form":"partial","record":{"n":{"N":"3"},"tags":{"L":[]}}}`)
	body := s.last("UpdateItem")
	equal(t, "the names", body["ExpressionAttributeNames"], `{"#n1":"amount"}`)
	equal(t, "the values", body["ExpressionAttributeValues"], `{":v1":{"N":"3"}}`)
}

func TestANamedUpdateSendsTheNamedFieldsOnly(t *testing.T) {
	s := defined(t)
	s.ok("update", `{"model":"User",`+key+`,"form":"named","names":["n"],
		"record":{"n":{"N":"0"},"org":{"S":"o"}},"if":{"eq":[["org"],{"S":"o"}]}}`)
	body := s.last("UpdateItem")
	equal(t, "the update", body["UpdateExpression"], `"SET #n1 = :v1"`)
	equal(t, "the condition", body["ConditionExpression"], `"#n2 = :v2"`)
}

func TestTheBuilderTakesEachOperand(t *testing.T) {
	s := defined(t)
	for operand, want := range map[string]string{
		`"set":{"nick":{"S":"x"}}`:                    `"SET #n1 = :v1"`,
		`"add":{"n":{"N":"2"}}`:                       `"ADD #n1 :v1"`,
		`"delete_from_set":{"perms":{"SS":["r"]}}`:    `"DELETE #n1 :v1"`,
		`"append":{"tags":{"L":[{"S":"t"}]}}`:         `"SET #n1 = list_append(#n1, :v1)"`,
		`"prepend":{"tags":{"L":[{"S":"t"}]}}`:        `"SET #n1 = list_append(:v1, #n1)"`,
		`"remove":["nick"]`:                           `"REMOVE #n1"`,
		`"remove":[["tags",2]]`:                       `"REMOVE #n1[2]"`,
		`"set_path":[[["tags",1],{"S":"t"}]]`:         `"SET #n1[1] = :v1"`,
		`"set":{"n":{"N":"1"}},"if":{"exists":["n"]}`: `"SET #n1 = :v1"`,
	} {
		s.ok("update", `{"model":"User",`+key+`,"form":"builder",`+operand+`}`)
		equal(t, operand, s.last("UpdateItem")["UpdateExpression"], want)
	}
}

func TestAnItemIsReadByItsKey(t *testing.T) {
	s := defined(t)
	s.answers["GetItem"] = `{"Item":{"id":{"S":"a"},"at":{"N":"1"},"amount":{"N":"3"},"perms":{"SS":["r"]},"home":{"M":{"street":{"S":"High"}}}}}`
	got := s.ok("get", `{"model":"User",`+key+`,"consistent":true}`)
	equal(t, "the key", s.last("GetItem")["Key"], `{"id":{"S":"a"},"at":{"N":"1"}}`)
	equal(t, "consistency", s.last("GetItem")["ConsistentRead"], `true`)
	want := `{"record":{"at":{"N":"1"},"card":{"S":""},"home":{"M":{"street":{"S":"High"}}},"id":{"S":"a"},"n":{"N":"3"},"org":{"S":""},"perms":{"SS":["r"]}}}`
	if got != want {
		t.Errorf("%s is not %s", got, want)
	}
	s.answers["GetItem"] = `{}`
	if got := s.ok("get", `{"model":"User",`+key+`}`); got != `{"record":null}` {
		t.Errorf("no item is %s", got)
	}
}

func TestReadsBecomeQueriesAndScans(t *testing.T) {
	s := defined(t)
	s.answers["Query"] = `{"Items":[{"id":{"S":"a"},"at":{"N":"1"},"org":{"S":"o"}}],"LastEvaluatedKey":{"id":{"S":"a"},"at":{"N":"1"}}}`
	got := s.ok("query", `{"model":"User","index":"byOrg","partition":{"org":{"S":"o"}},"sort":{"between":[{"N":"1"},{"N":"2"}]},
		"filter":{"or":[{"eq":[["n"],{"N":"1"}]},{"contains":[["tags"],{"S":"x"}]}]},"order":"desc","page":{"size":1}}`)
	body := s.last("Query")
	equal(t, "the index", body["IndexName"], `"byOrg"`)
	equal(t, "the size", body["Limit"], `1`)
	equal(t, "the order", body["ScanIndexForward"], `false`)
	if !strings.Contains(got, `"records":[{"at":{"N":"1"},"id":{"S":"a"},"org":{"S":"o"}}]`) || !strings.Contains(got, `"cursor":"`) {
		t.Errorf("a page of keys is %s", got)
	}
	s.ok("scan", `{"model":"User","select":["n"],"limit":3}`)
	equal(t, "the limit", s.last("Scan")["Limit"], `3`)
	s.fails("unsupported", "scan", `{"model":"User","limit":3,"page":{"size":1}}`)
}

func TestBatchesAndTransactions(t *testing.T) {
	s := defined(t)
	s.ok("batch_put", `{"model":"User","records":[{"id":{"S":"a"},"at":{"N":"1"}}]}`)
	s.last("BatchWriteItem")
	s.ok("batch_delete", `{"model":"User","keys":[{"id":{"S":"a"},"at":{"N":"1"}}]}`)
	s.last("BatchWriteItem")
	s.ok("batch_get", `{"model":"User","keys":[{"id":{"S":"a"},"at":{"N":"1"}}]}`)
	s.last("BatchGetItem")
	s.ok("transact", `{"actions":[{"put":{"model":"User","record":{"id":{"S":"a"},"at":{"N":"1"}}}},
		{"update":{"model":"User","key":{"id":{"S":"b"},"at":{"N":"1"}},"form":"named","names":["n"],"record":{"n":{"N":"1"}}}},
		{"update":{"model":"User","key":{"id":{"S":"c"},"at":{"N":"1"}},"form":"builder","add":{"n":{"N":"1"}}}},
		{"delete":{"model":"User","key":{"id":{"S":"d"},"at":{"N":"1"}}}},
		{"check":{"model":"User","key":{"id":{"S":"e"},"at":{"N":"1"}},"if":{"gt":[["n"],{"N":"1"}]}}}]}`)
	if items := s.last("TransactWriteItems")["TransactItems"].([]any); len(items) != 5 {
		t.Errorf("%d actions", len(items))
	}
}

func TestErrorsHaveTheirKinds(t *testing.T) {
	s := defined(t)
	for code, kind := range map[string]string{
		"ConditionalCheckFailedException": "condition_failed",
		"ValidationException":             "validation",
		"ResourceNotFoundException":       "internal",
	} {
		s.answers["DeleteItem"] = `{"__type":"com.amazonaws.dynamodb.v20120810#` + code + `","message":"m"}`
		s.fails(kind, "delete", `{"model":"User",`+key+`}`)
	}
	s.answers["GetItem"] = `{"Item":{"id":{"S":"a"},"at":{"N":"1"},"amount":{"S":"three"}}}`
	s.fails("decode", "get", `{"model":"User",`+key+`}`)
	s.fails("encode", "create", `{"model":"User","record":{"id":{"S":"a"},"at":{"N":"1"},"n":{"N":"2147483648"}}}`)
	s.fails("unsupported", "scan", `{"model":"User","filter":{"size":[["n"],"lt",1]}}`)
	s.fails("unsupported", "update", `{"model":"User",`+key+`,"form":"patch","set":{"n":{"N":"1"}}}`)
}

func TestAVersionIsCheckedAndGrows(t *testing.T) {
	s := open(t)
	s.ok("define", `{"model":{"name":"Doc","table":"docs","partition_key":"id","version":"rev","fields":[
		{"name":"id","type":"string"},{"name":"rev","type":"int64"},{"name":"text","type":"string"}]}}`)
	s.ok("update", `{"model":"Doc","key":{"id":{"S":"a"}},"form":"named","names":["text"],"record":{"text":{"S":"x"},"rev":{"N":"4"}}}`)
	body := s.last("UpdateItem")
	equal(t, "the condition", body["ConditionExpression"], `"#n2 = :v2"`)
	equal(t, "the version", body["ExpressionAttributeValues"].(map[string]any)[":v2"], `{"N":"4"}`)
	s.fails("unsupported", "put", `{"model":"Doc","record":{"id":{"S":"a"},"rev":{"N":"4"},"text":{"S":"x"}}}`)
}

func TestAnEncryptedFieldIsNotOnTheWire(t *testing.T) {
	s := open(t)
	s.ok("define", `{"model":{"name":"Card","table":"cards","partition_key":"id","fields":[
		{"name":"id","type":"string"},{"name":"card","type":"string","encrypted":true}]}}`)
	s.ok("create", `{"model":"Card","record":{"id":{"S":"a"},"card":{"S":"4111"}}}`)
	item, _ := json.Marshal(s.last("PutItem")["Item"])
	if strings.Contains(string(item), "4111") {
		t.Errorf("clear text in %s", item)
	}
	s.answers["GetItem"] = `{"Item":` + string(item) + `}`
	if got := s.ok("get", `{"model":"Card","key":{"id":{"S":"a"}}}`); !strings.Contains(got, "4111") {
		t.Errorf("not decrypted: %s", got)
	}
}

func TestAWholeUpdateThatWouldSkipAFieldIsUnsupported(t *testing.T) {
	s := open(t)
	s.ok("define", `{"model":{"name":"List","table":"lists","partition_key":"id","fields":[
		{"name":"id","type":"string"},{"name":"x","type":{"option":{"list":"string"}},"omit_empty":true}]}}`)
	call := `{"model":"List","key":{"id":{"S":"a"}},"form":"whole","record":{"x":{"L":[]}}}`
	s.fails("unsupported", "update", call)
	s.ok("update", strings.Replace(call, "[]", `[{"S":"t"}]`, 1))
	equal(t, "the update", s.last("UpdateItem")["UpdateExpression"], `"SET #n1 = :v1"`)
}

func TestAResetKeepsTheModels(t *testing.T) {
	s := defined(t)
	s.ok("reset", `{}`)
	s.ok("delete", `{"model":"User",`+key+`}`)
	equal(t, "the table", s.last("DeleteItem")["TableName"], `"users"`)
}

func TestModelsThatTheLibraryCannotDeclareAreUnsupported(t *testing.T) {
	s := open(t)
	for _, fields := range []string{
		`{"name":"id","type":"string"},{"name":"x","attribute":"a.b","type":"string"}`,
		`{"name":"id","type":"string"},{"name":"Id","type":"string"}`,
		`{"name":"id","type":"string"},{"name":"x","type":"string","default":{"S":"d"}}`,
		`{"name":"id","type":"string"},{"name":"x","type":"decimal"}`,
	} {
		s.fails("unsupported", "define", `{"model":{"name":"M","table":"ttt","partition_key":"id","fields":[`+fields+`]}}`)
	}
}

func TestNullsAndZerosOfAnyAreKeptApart(t *testing.T) {
	s := open(t)
	s.ok("define", `{"model":{"name":"Any","table":"anys","partition_key":"id","fields":[
		{"name":"id","type":"string"},{"name":"x","type":"any"},{"name":"y","type":{"option":"int8"}}]}}`)
	s.ok("create", `{"model":"Any","record":{"id":{"S":"a"},"x":{"L":[{"N":"1.5"},{"NULL":true},{"M":{"k":{"BOOL":false}}}]},"y":{"N":"0"}}}`)
	equal(t, "the item", s.last("PutItem")["Item"],
		`{"id":{"S":"a"},"x":{"L":[{"N":"1.5"},{"NULL":true},{"M":{"k":{"BOOL":false}}}]},"y":{"N":"0"}}`)
	s.ok("create", `{"model":"Any","record":{"id":{"S":"a"},"x":{"NULL":true},"y":{"$absent":true}}}`)
	equal(t, "the item", s.last("PutItem")["Item"], `{"id":{"S":"a"},"x":{"NULL":true},"y":{"NULL":true}}`)
}

func TestAUnmarshalledItemKeepsWhatItsDestinationHeld(t *testing.T) {
	s := defined(t)
	got := s.ok("unmarshal", `{"model":"User","item":{"amount":{"N":"3"},"nick":{"NULL":true}},"into":{"id":{"S":"a"},"nick":{"S":"x"}}}`)
	if !strings.Contains(got, `"n":{"N":"3"}`) || !strings.Contains(got, `"id":{"S":"a"}`) || strings.Contains(got, "nick") {
		t.Errorf("unmarshal is %s", got)
	}
}
