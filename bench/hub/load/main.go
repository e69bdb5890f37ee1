// Load for bench/hub.py: a fleet of devices, or of plain WebSocket clients for the peers.
//
// One JSON command a line comes in, one JSON outcome a line goes out. Connections live until "drop".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Command says what to do; which fields count depends on Do.
type Command struct {
	Do       string   `json:"do"`
	Target   string   `json:"target"`
	TLS      bool     `json:"tls"`
	First    int      `json:"first"`
	Count    int      `json:"count"`
	Inflight int      `json:"inflight"`
	Password string   `json:"password"`
	Services []string `json:"services"`
	Resume   bool     `json:"resume"`
	Patience float64  `json:"patience_s"` // 0: one attempt
	Path     string   `json:"path"`
	Seconds  float64  `json:"seconds"`
	Rate     float64  `json:"rate"`
	PingS    float64  `json:"ping_s"`
	Over     string   `json:"over"` // service whose connections "rpc" uses; empty: all of them
}

var (
	devices = map[int]*Device{}
	lock    sync.Mutex
	work    []*Link // what "rpc" calls over
)

func device(number int, password string) *Device {
	lock.Lock()
	defer lock.Unlock()
	found := devices[number]
	if found == nil {
		found = newDevice(number, password)
		devices[number] = found
	}
	return found
}

// login: main connections of `count` devices.
func login(c Command) Outcome {
	var attempts atomic.Int64
	deadline := time.Now().Add(time.Duration(c.Patience * float64(time.Second)))
	o := run(c.Count, c.Inflight, func(i int) error {
		d := device(c.First+i, c.Password)
		n, err := patient(deadline, func() error { return d.login(c.Target, c.TLS, c.Resume, c.Services) })
		attempts.Add(int64(n))
		return err
	})
	o.Attempts = int(attempts.Load())
	return o
}

// ask: URLs for sub-connections, kept until "subconnect".
func ask(c Command) Outcome {
	return run(c.Count, c.Inflight, func(i int) error { return device(c.First+i, c.Password).ask(c.Services) })
}

// subconnect: every URL that was asked for, as fast as it goes.
func subconnect(c Command) Outcome {
	type pair struct {
		d   *Device
		url string
	}
	var pairs []pair
	for i := 0; i < c.Count; i++ {
		d := device(c.First+i, c.Password)
		for _, url := range d.urls {
			pairs = append(pairs, pair{d, url})
		}
		d.urls = nil
	}
	links := make([]*Link, len(pairs))
	o := run(len(pairs), c.Inflight, func(i int) (err error) {
		// The URL names the worker that has the device's main connection.
		links[i], err = open(hostOf(pairs[i].url), pairs[i].url, c.TLS)
		return err
	})
	for i, link := range links {
		if link != nil {
			pairs[i].d.services = append(pairs[i].d.services, link)
			work = append(work, link)
		}
	}
	return o
}

// connect: plain WebSockets of a peer, without any login.
func connect(c Command) Outcome {
	links := make([]*Link, c.Count)
	o := run(c.Count, c.Inflight, func(i int) (err error) {
		links[i], err = dial(c.Target, c.TLS)
		if err != nil {
			return err
		}
		return links[i].upgrade(c.Path, c.Target, "")
	})
	for _, link := range links {
		if link != nil {
			work = append(work, link)
		}
	}
	return o
}

// handshake: TCP and TLS alone. They stay until "drop": an end that comes at once would reach the server before the
// client's last message of the handshake has been looked at, and half of the work would not be done.
func handshake(c Command) Outcome {
	return run(c.Count, c.Inflight, func(int) error {
		link, err := dial(c.Target, c.TLS)
		if err == nil {
			lock.Lock()
			work = append(work, link)
			lock.Unlock()
		}
		return err
	})
}

func over(service string) []*Link {
	var found []*Link
	for _, link := range work {
		if service == "" || link.service == service {
			found = append(found, link)
		}
	}
	return found
}

func all() []*Link {
	found := append([]*Link{}, work...)
	for _, d := range devices {
		if d.main != nil {
			found = append(found, d.main)
		}
	}
	return found
}

// connected: the devices that are in.
func connected() []*Device {
	var found []*Device
	for _, d := range devices {
		if d.main != nil {
			found = append(found, d)
		}
	}
	return found
}

func drop(Command) Outcome {
	for _, link := range all() {
		link.close()
	}
	work = nil
	for _, d := range devices {
		d.main, d.services, d.urls = nil, nil, nil
	}
	return Outcome{}
}

func do(c Command) Outcome {
	switch c.Do {
	case "login":
		return login(c)
	case "ask":
		return ask(c)
	case "subconnect":
		return subconnect(c)
	case "connect":
		return connect(c)
	case "handshake":
		return handshake(c)
	case "rpc":
		if c.Rate > 0 {
			return opened(over(c.Over), c.Seconds, c.Rate)
		}
		return closed(over(c.Over), c.Seconds)
	case "idle":
		return idle(connected(), c.Seconds, c.PingS)
	case "drop":
		return drop(c)
	}
	return Outcome{Failed: 1, Error: fmt.Sprintf("unknown command %q", c.Do)}
}

func main() {
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for in.Scan() {
		var c Command
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := out.Encode(do(c)); err != nil {
			return
		}
	}
}
