package main

// The HTTP of a login: POST and the upgrade, on one connection, and the text frames right after it.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	textFrame  = 0x81
	closeFrame = 0x88
	pingFrame  = 0x89
	maskBit    = 0x80
)

var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// refused is an answer that says no.
type refused struct {
	status     int
	reason     string
	retryAfter float64
}

func (r *refused) Error() string { return fmt.Sprintf("%d %s", r.status, r.reason) }

func (l *Link) post(path, host, body string) (string, error) {
	request := "POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n" + body
	if _, err := l.conn.Write([]byte(request)); err != nil {
		return "", err
	}
	return l.response()
}

func (l *Link) response() (string, error) {
	head, err := l.head()
	if err != nil {
		return "", err
	}
	if len(head) < 13 {
		return "", errors.New("no HTTP response")
	}
	status, _ := strconv.Atoi(string(head[9:12]))
	length := 0
	lower := bytes.ToLower(head)
	if at := bytes.Index(lower, []byte("content-length: ")); at >= 0 {
		rest := lower[at+16:]
		length, _ = strconv.Atoi(string(rest[:bytes.IndexByte(rest, '\r')]))
	}
	body, err := l.body(length)
	if err != nil {
		return "", err
	}
	text := string(body)
	if status == 200 {
		return text, nil
	}
	wait, _ := strconv.ParseFloat(number(text, "retry_after_s"), 64)
	return "", &refused{status: status, reason: field(text, "reason") + " " + field(text, "detail"), retryAfter: wait}
}

func (l *Link) upgrade(path, host, protocol string) error {
	request := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	if protocol != "" {
		request += "Sec-WebSocket-Protocol: " + protocol + "\r\n"
	}
	if _, err := l.conn.Write([]byte(request + "\r\n")); err != nil {
		return err
	}
	head, err := l.head()
	if err != nil {
		return err
	}
	// RFC 6455 1.3 has the answer to this key: a server that did not compute it is none.
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) || !bytes.Contains(head, []byte("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) {
		return fmt.Errorf("no upgrade: %s", strings.SplitN(string(head), "\r\n", 2)[0])
	}
	return nil
}

// send writes one masked text frame.
func (l *Link) send(message string) error {
	_, err := l.conn.Write(frame(textFrame, []byte(message)))
	return err
}

// receive reads one text frame; a close frame is an error.
func (l *Link) receive() (string, error) {
	for {
		if opcode, payload, rest, ok := parse(l.in); ok {
			l.in = rest
			if opcode == textFrame {
				return string(payload), nil
			}
			if opcode == closeFrame {
				return "", fmt.Errorf("closed by the server: %q", payload)
			}
			continue
		}
		if err := l.more(); err != nil {
			return "", err
		}
	}
}

func frame(opcode byte, payload []byte) []byte {
	out := []byte{opcode}
	switch n := len(payload); {
	case n < 126:
		out = append(out, maskBit|byte(n))
	default:
		out = append(out, maskBit|126, byte(n>>8), byte(n))
	}
	out = append(out, mask[:]...)
	for i, b := range payload {
		out = append(out, b^mask[i%4])
	}
	return out
}

// parse takes the first frame of a server from `in`; the payload is a part of it.
func parse(in []byte) (opcode byte, payload, rest []byte, ok bool) {
	if len(in) < 2 {
		return
	}
	size, at := int(in[1]&0x7f), 2
	switch size {
	case 126:
		if len(in) < 4 {
			return
		}
		size, at = int(binary.BigEndian.Uint16(in[2:])), 4
	case 127:
		if len(in) < 10 {
			return
		}
		size, at = int(binary.BigEndian.Uint64(in[2:])), 10
	}
	if len(in) < at+size {
		return
	}
	return in[0], in[at : at+size], in[at+size:], true
}

// field is the string behind a key of flat JSON whose strings need no unescaping.
func field(text, key string) string {
	_, rest, found := strings.Cut(text, `"`+key+`":"`)
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func number(text, key string) string {
	_, rest, found := strings.Cut(text, `"`+key+`":`)
	if !found {
		return ""
	}
	return rest[:strings.IndexAny(rest, ",}")]
}
