// The whole job of Core API with Go's net/http, for the bench: plain XADD, one connection to Redis;
// commands that arrive during a write leave together in the next one.
//
// usage: JWT_SECRET=… go-service PORT REDIS-PORT STREAM
package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

type order struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Token    string `json:"token"`
}

type claims struct {
	Expiry  float64 `json:"exp"`
	User    *int64  `json:"user_id"`
	Enabled bool    `json:"enabled"`
}

type command struct {
	text string
	done chan error
}

var secret = []byte(os.Getenv("JWT_SECRET"))
var stream string
var commands = make(chan command, 4096)

// The claims of a token that is signed and has not expired; nil otherwise.
func verify(token string) *claims {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	var result claims
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !decode(parts[0], &header) || header.Algorithm != "HS256" {
		return nil
	}
	code := hmac.New(sha256.New, secret)
	io.WriteString(code, token[:len(parts[0])+1+len(parts[1])])
	if !hmac.Equal(code.Sum(nil), signature) || !decode(parts[1], &result) {
		return nil
	}
	if result.User == nil || result.Expiry <= float64(time.Now().Unix()) {
		return nil
	}
	return &result
}

func decode(part string, value any) bool {
	text, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(text, value) == nil
}

func isCurrency(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func newID() string {
	var id [16]byte
	rand.Read(id[:])
	id[6], id[8] = id[6]&0x0F|0x40, id[8]&0x3F|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func enqueue(words ...string) error {
	var text strings.Builder
	fmt.Fprintf(&text, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(word), word)
	}
	done := make(chan error, 1)
	commands <- command{text.String(), done}
	return <-done
}

func transaction(answer http.ResponseWriter, request *http.Request) {
	var body order
	text, err := io.ReadAll(http.MaxBytesReader(answer, request.Body, 16<<10))
	if err != nil || json.Unmarshal(text, &body) != nil {
		http.Error(answer, "JSON", 400)
		return
	}
	user := verify(body.Token)
	switch {
	case user == nil:
		http.Error(answer, "token", 401)
		return
	case !user.Enabled:
		http.Error(answer, "disabled", 403)
		return
	case body.Amount < 1 || !isCurrency(body.Currency):
		http.Error(answer, "fields", 422)
		return
	}
	id := newID()
	err = enqueue(
		"XADD", stream, "*", "id", id, "amount", fmt.Sprint(body.Amount),
		"currency", body.Currency, "user_id", fmt.Sprint(*user.User),
		"created_at", time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"))
	if err != nil {
		http.Error(answer, "queue", 503)
		return
	}
	answer.Header().Set("Content-Type", "application/json")
	answer.Header().Set("Transaction-Id", id)
	fmt.Fprintf(answer, `{"amount":%d,"currency":"%s","user_id":%d}`,
		body.Amount, body.Currency, *user.User)
}

// Writes the commands that are ready, then waits for more.
func write(redis net.Conn, waiting chan<- command) {
	output := bufio.NewWriterSize(redis, 64<<10)
	for next := range commands {
		waiting <- next
		output.WriteString(next.text)
		if len(commands) == 0 {
			if err := output.Flush(); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// Replies of XADD: a bulk string, or an error.
func read(redis net.Conn, waiting <-chan command) {
	input := bufio.NewReaderSize(redis, 64<<10)
	for next := range waiting {
		line, err := input.ReadString('\n')
		if err == nil && line[0] == '$' {
			_, err = input.ReadString('\n')
		} else if err == nil {
			err = fmt.Errorf("Redis: %s", line)
		}
		next.done <- err
	}
}

func main() {
	if len(os.Args) != 4 || len(secret) == 0 {
		os.Exit(64)
	}
	stream = os.Args[3]
	redis, err := net.Dial("tcp", "127.0.0.1:"+os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	waiting := make(chan command, 4096)
	go write(redis, waiting)
	go read(redis, waiting)
	http.HandleFunc("/transaction", transaction)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
