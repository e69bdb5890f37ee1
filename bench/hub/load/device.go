package main

// A device: SCRAM or a resume ticket, registration, the upgrade on the same connection, sub-connections. It does what
// the protocol page asks of one, the check of the server's own proof included.

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand"
	"strings"
)

const subprotocol = "twinspan.cloud.v1"

// Device keeps what a real one would keep.
type Device struct {
	serial, boot, password string
	ticket                 string // of the last registration
	key                    []byte
	main                   *Link
	services               []*Link
	urls                   []string // sub-connections that may be opened
}

func nonce() string {
	var raw [18]byte
	rand.Read(raw[:]) //nolint:gosec // a load generator needs no unpredictable nonces
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

func newDevice(number int, password string) *Device {
	// The same at each start of the generator: to the server it is one device that comes back.
	serial := fmt.Sprintf("BENCH%06d", number)
	boot := sha256.Sum256([]byte(serial))
	return &Device{serial: serial, boot: hex.EncodeToString(boot[:16]), password: password}
}

// login brings the main connection up.
func (d *Device) login(target string, secure, resume bool, services []string) error {
	link, err := dial(target, secure)
	if err != nil {
		return err
	}
	url, err := d.register(link, target, resume, services)
	if err == nil {
		err = link.upgrade(pathOf(url), hostOf(url), subprotocol)
	}
	if err != nil {
		link.close()
		return err
	}
	d.main = link
	return nil
}

func (d *Device) register(link *Link, host string, resume bool, services []string) (string, error) {
	fields := fmt.Sprintf(`{"serial":"%s","boot_id":"%s","platform":"twinspan","software":"bench","services":[%s]`,
		d.serial, d.boot, quoted(services))
	if resume && d.ticket != "" {
		n := nonce()
		proof := resumeProof("", d.ticket, n, d.key, link.binding)
		asked := fmt.Sprintf(`,"resume":{"ticket":"%s","nonce":"%s","proof":"%s"}}`, d.ticket, n, proof)
		answer, err := link.post("/cloud/v1/registration", host, fields+asked)
		if err == nil {
			if field(answer, "message") != resumeProof("server:", d.ticket, n, d.key, link.binding) {
				return "", errors.New("the server did not prove itself")
			}
			return d.registered(answer)
		}
		var no *refused
		if !errors.As(err, &no) || no.status != 401 {
			return "", err
		}
		d.ticket = "" // a newer one was lost on its way: the full authentication follows on the same connection
	}
	session, err := d.authenticate(link, host)
	if err != nil {
		return "", err
	}
	answer, err := link.post("/cloud/v1/registration", host, fields+`,"session":"`+session+`"}`)
	if err != nil {
		return "", err
	}
	return d.registered(answer)
}

func (d *Device) authenticate(link *Link, host string) (string, error) {
	exchange, first := newScram(d.serial, nonce(), link.binding)
	answer, err := link.post("/cloud/v1/authentication", host, fmt.Sprintf(
		`{"versions":[1],"serial":"%s","boot_id":"%s","method":"password","message":"%s"}`, d.serial, d.boot, first))
	if err != nil {
		return "", err
	}
	final, err := exchange.final(field(answer, "message"), d.password)
	if err != nil {
		return "", err
	}
	answer, err = link.post("/cloud/v1/authentication", host, `{"message":"`+final+`"}`)
	if err != nil {
		return "", err
	}
	if field(answer, "message") != exchange.signature {
		return "", errors.New("the server did not prove itself")
	}
	return field(answer, "session"), nil
}

func (d *Device) registered(answer string) (string, error) {
	url := field(answer, "url")
	if url == "" {
		return "", errors.New("no URL in the registration response")
	}
	if at := strings.Index(answer, `"resume":{`); at >= 0 {
		d.ticket = field(answer[at:], "ticket")
		d.key, _ = base64.StdEncoding.DecodeString(field(answer[at:], "key"))
	}
	return url, nil
}

// ask gets the URLs of sub-connections.
func (d *Device) ask(services []string) error {
	if err := d.main.send(`{"type":"subconnections-request","services":[` + quoted(services) + `]}`); err != nil {
		return err
	}
	for {
		answer, err := d.main.receive()
		if err != nil {
			return err
		}
		if !strings.Contains(answer, `"type":"subconnections"`) {
			continue // the authorities, which come by themselves
		}
		d.urls = nil
		for _, part := range strings.Split(answer, `"url":`)[1:] {
			d.urls = append(d.urls, field(`"url":`+part, "url"))
		}
		if len(d.urls) != len(services) {
			return fmt.Errorf("asked for %d sub-connections, got %d", len(services), len(d.urls))
		}
		return nil
	}
}

// open makes one WebSocket of a URL.
func open(target, url string, secure bool) (*Link, error) {
	link, err := dial(target, secure)
	if err != nil {
		return nil, err
	}
	if err := link.upgrade(pathOf(url), hostOf(url), subprotocol); err != nil {
		link.close()
		return nil, err
	}
	path, _, _ := strings.Cut(pathOf(url), "?")
	link.service = path[strings.LastIndexByte(path, '/')+1:]
	return link, nil
}

func quoted(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return `"` + strings.Join(names, `","`) + `"`
}

func pathOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	at := strings.IndexByte(rest, '/')
	if at < 0 {
		return "/"
	}
	return rest[at:]
}

func hostOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
