package main

// The device's half of SCRAM-SHA-256 (RFC 5802, RFC 7677), and the proofs of a resume ticket.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"sync"
)

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func xor(into, other []byte) {
	for i := range into {
		into[i] ^= other[i]
	}
}

func b64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

type keys struct{ client, stored, server []byte }

// A device derives its keys once for each password and salt, and so does the bench, whose devices share them.
var (
	derived     = map[string]keys{}
	derivedLock sync.Mutex
)

// derive is PBKDF2 with one block (RFC 8018 5.2), then the keys of RFC 5802 section 3.
func derive(password, salt string, iterations int) (keys, error) {
	name := salt + strconv.Itoa(iterations)
	derivedLock.Lock()
	defer derivedLock.Unlock()
	if found, ok := derived[name]; ok {
		return found, nil
	}
	raw, err := base64.StdEncoding.DecodeString(salt)
	if err != nil {
		return keys{}, err
	}
	u := mac([]byte(password), string(raw)+"\x00\x00\x00\x01")
	salted := append([]byte{}, u...)
	for i := 1; i < iterations; i++ {
		u = mac([]byte(password), string(u))
		xor(salted, u)
	}
	client := mac(salted, "Client Key")
	stored := sha256.Sum256(client)
	made := keys{client: client, stored: stored[:], server: mac(salted, "Server Key")}
	derived[name] = made
	return made, nil
}

type scram struct {
	bare, channel, nonce string
	signature            string
}

func newScram(serial, nonce string, binding []byte) (*scram, string) {
	gs2 := "n,,"
	if len(binding) > 0 {
		gs2 = "p=tls-server-end-point,,"
	}
	s := &scram{bare: "n=" + serial + ",r=" + nonce, channel: b64(append([]byte(gs2), binding...)), nonce: nonce}
	return s, gs2 + s.bare
}

// final answers the challenge.
func (s *scram) final(challenge, password string) (string, error) {
	parts := strings.SplitN(challenge, ",", 3)
	if len(parts) != 3 || !strings.HasPrefix(parts[0], "r="+s.nonce) {
		return "", errors.New("the challenge is not for this nonce")
	}
	iterations, err := strconv.Atoi(strings.TrimPrefix(parts[2], "i="))
	if err != nil {
		return "", err
	}
	k, err := derive(password, strings.TrimPrefix(parts[1], "s="), iterations)
	if err != nil {
		return "", err
	}
	without := "c=" + s.channel + "," + parts[0]
	signed := s.bare + "," + challenge + "," + without
	proof := mac(k.stored, signed)
	xor(proof, k.client)
	s.signature = "v=" + b64(mac(k.server, signed))
	return without + ",p=" + b64(proof), nil
}

func resumeProof(prefix, ticket, nonce string, key, binding []byte) string {
	return b64(mac(key, prefix+ticket+":"+nonce+":"+hex.EncodeToString(binding)))
}
