// The Go peer of bench/hub.py: gorilla/websocket, typed JSON in and out, nothing else.
//
//	peer_go PORT [PEM]    with a PEM file (key and chain) it speaks TLS
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/gorilla/websocket"
)

// Request is what the load generator sends.
type Request struct {
	Type      string            `json:"type"`
	ID        string            `json:"id"`
	Epoch     int64             `json:"epoch"`
	TTLMs     int64             `json:"ttl_ms"`
	Name      string            `json:"name"`
	Arguments map[string]string `json:"arguments"`
}

// Reply is what it expects.
type Reply struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Outcome string `json:"outcome"`
	Output  string `json:"output"`
}

const report = ": 5 received, 0 lost, round trip min/avg/max 1.840/2.012/2.377 ms, in order"

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

func serve(w http.ResponseWriter, r *http.Request) {
	connection, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer connection.Close()
	for {
		_, data, err := connection.ReadMessage()
		if err != nil {
			return
		}
		var request Request
		if json.Unmarshal(data, &request) != nil || request.Type != "command" || len(request.ID) == 0 ||
			len(request.ID) > 64 || len(request.Name) == 0 || len(request.Name) > 64 {
			return
		}
		output := "5 packets from " + request.Arguments["source"] + " to " + request.Arguments["host"] + report
		reply, err := json.Marshal(Reply{Type: "command-result", ID: request.ID, Outcome: "done", Output: output})
		if err != nil || connection.WriteMessage(websocket.TextMessage, reply) != nil {
			return
		}
	}
}

func main() {
	server := &http.Server{Addr: "127.0.0.1:" + os.Args[1], Handler: http.HandlerFunc(serve)}
	var err error
	if len(os.Args) > 2 {
		err = server.ListenAndServeTLS(os.Args[2], os.Args[2])
	} else {
		err = server.ListenAndServe()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
