package main

// Requests and replies over open WebSockets, by one epoll loop: closed (one request in flight on each) or open (so many
// a second, whatever the replies do; the time counts from when a request was due).

import (
	"bytes"
	"fmt"
	"runtime"
	"syscall"
	"time"
)

const (
	requestBytes = 210
	idDigits     = 16
)

// template is the request of the bench, 210 bytes of typed JSON: the protocol's own command.
func template() ([]byte, int) {
	head := `{"type":"command","id":"`
	text := head + "0000000000000000" + `","epoch":1,"ttl_ms":30000,"name":"ping","arguments":{"host":"203.0.113.77",` +
		`"count":"5","interval":"200","source":"198.51.100.9","note":"`
	for len(text) < requestBytes-3 {
		text += "x"
	}
	return []byte(text + `"}}`), len(head)
}

type caller struct {
	link  *Link
	id    uint64
	due   int64 // ns since the start; 0: nothing is in flight
	reply int
}

// Loop is an epoll instance and its connections.
type Loop struct {
	epoll   int
	callers map[int32]*caller
	order   []*caller
	request []byte // masked frame
	idAt    int
	buffer  []byte
	begun   time.Time
	next    uint64
	wrong   int
	done    int
	lost    error
	onDone  func(c *caller, tookNs int64)
}

func newLoop(links []*Link) (*Loop, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	text, idAt := template()
	framed := frame(textFrame, text)
	loop := &Loop{epoll: epoll, callers: map[int32]*caller{}, request: framed, idAt: len(framed) - len(text) + idAt,
		buffer: make([]byte, 64<<10), begun: time.Now()}
	for _, link := range links {
		if err := link.makeRaw(); err != nil {
			return nil, err
		}
		c := &caller{link: link}
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(link.sock.fd)}
		if err := syscall.EpollCtl(epoll, syscall.EPOLL_CTL_ADD, link.sock.fd, &event); err != nil {
			return nil, err
		}
		loop.callers[int32(link.sock.fd)] = c
		loop.order = append(loop.order, c)
	}
	return loop, nil
}

func (l *Loop) now() int64 { return int64(time.Since(l.begun)) }

func (l *Loop) call(c *caller, due int64) {
	l.next++
	c.id, c.due = l.next, due
	digits, value := l.request[l.idAt:l.idAt+idDigits], c.id
	start := l.idAt - (len(l.request) - requestBytes)
	for i := idDigits - 1; i >= 0; i-- {
		digits[i] = byte('0'+value%10) ^ mask[(start+i)%4]
		value /= 10
	}
	if _, err := c.link.conn.Write(l.request); err != nil {
		l.lost = err
	}
}

// poll waits so long at most and takes what has come.
func (l *Loop) poll(waitMs int, events []syscall.EpollEvent) {
	n, err := syscall.EpollWait(l.epoll, events, waitMs)
	if err != nil && err != syscall.EINTR {
		l.lost = err
		return
	}
	for _, event := range events[:max(n, 0)] {
		l.take(l.callers[event.Fd])
	}
}

func (l *Loop) take(c *caller) {
	for {
		n, err := c.link.conn.Read(l.buffer)
		if n == 0 || err != nil {
			if _, later := err.(wouldBlock); !later && err != nil {
				l.lost = fmt.Errorf("a connection ended: %w", err)
				_ = syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_DEL, c.link.sock.fd, nil)
			}
			return
		}
		in := l.buffer[:n]
		if len(c.link.in) > 0 {
			c.link.in = append(c.link.in, in...)
			in = c.link.in
		}
		in = l.frames(c, in)
		c.link.in = append(c.link.in[:0], in...)
		if c.link.binding == nil {
			return // level-triggered: what is left comes again
		}
	}
}

func (l *Loop) frames(c *caller, in []byte) []byte {
	for {
		opcode, payload, rest, ok := parse(in)
		if !ok {
			return in
		}
		in = rest
		if opcode == textFrame && c.due != 0 {
			l.replied(c, payload)
		}
	}
}

func (l *Loop) replied(c *caller, payload []byte) {
	var want [idDigits]byte
	for i, value := idDigits-1, c.id; i >= 0; i-- {
		want[i] = byte('0' + value%10)
		value /= 10
	}
	if !bytes.Contains(payload, want[:]) || len(payload) < requestBytes/2 {
		l.wrong++
	}
	took := l.now() - c.due
	c.due = 0
	l.done++
	l.onDone(c, took)
}

func (l *Loop) close() { syscall.Close(l.epoll) }

// closed keeps one request in flight on each connection for that long.
func closed(links []*Link, seconds float64) Outcome {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	loop, err := newLoop(links)
	if err != nil {
		return Outcome{Failed: 1, Error: err.Error()}
	}
	defer loop.close()
	end := int64(seconds * 1e9)
	times := make([]float64, 0, 1<<20)
	loop.onDone = func(c *caller, took int64) {
		if now := loop.now(); now < end {
			times = append(times, float64(took)/1e6)
			loop.call(c, now)
		}
	}
	loop.begun = time.Now()
	for _, c := range loop.order {
		loop.call(c, loop.now()+1)
	}
	events := make([]syscall.EpollEvent, 512)
	// Never asleep: waking this process up would be work of the server's core, and of the reply it has just sent.
	for loop.now() < end && loop.lost == nil {
		loop.poll(0, events)
	}
	took := time.Since(loop.begun).Seconds()
	for loop.waiting() && time.Since(loop.begun).Seconds() < seconds+2 && loop.lost == nil {
		loop.poll(50, events)
	}
	return loop.outcome(times, took)
}

func (l *Loop) waiting() bool {
	for _, c := range l.order {
		if c.due != 0 {
			return true
		}
	}
	return false
}

func (l *Loop) outcome(times []float64, seconds float64) Outcome {
	o := Outcome{OK: len(times), Failed: l.wrong, Seconds: seconds, Attempts: int(l.next)}
	if l.lost != nil {
		o.Failed++
		o.Error = l.lost.Error()
	}
	o.quantiles(times)
	return o
}

// opened sends `rate` requests a second, each due at its own moment, over connections in turn.
func opened(links []*Link, seconds, rate float64) Outcome {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	loop, err := newLoop(links)
	if err != nil {
		return Outcome{Failed: 1, Error: err.Error()}
	}
	defer loop.close()
	times := make([]float64, 0, int(seconds*rate)+1)
	tenths := map[int]int{}
	loop.onDone = func(_ *caller, took int64) {
		times = append(times, float64(took)/1e6)
		tenths[int(took/1e5)]++
	}
	total, sent, turn, missed := int(seconds*rate), 0, 0, 0
	gap := 1e9 / rate
	events := make([]syscall.EpollEvent, 512)
	loop.begun = time.Now()
	for loop.lost == nil && (sent < total || loop.waiting() && loop.now() < int64((seconds+3)*1e9)) {
		for sent < total && float64(loop.now()) >= float64(sent)*gap {
			c := loop.order[turn%len(loop.order)]
			turn++
			if c.due != 0 {
				missed++ // still in flight after a whole turn: it counts as sent, and as lost
			} else {
				loop.call(c, int64(float64(sent)*gap)+1)
			}
			sent++
		}
		loop.poll(1, events)
	}
	o := loop.outcome(times, time.Since(loop.begun).Seconds())
	o.Failed += missed + sent - missed - len(times)
	o.Tenths = tenths
	return o
}

// idle keeps connections as devices with nothing to do: each pings on all its sockets every pingS, whatever comes is read.
func idle(fleet []*Device, seconds, pingS float64) Outcome {
	var links []*Link
	for _, d := range fleet {
		links = append(append(links, d.main), d.services...)
	}
	loop, err := newLoop(links)
	if err != nil {
		return Outcome{Failed: 1, Error: err.Error()}
	}
	defer loop.close()
	loop.onDone = func(*caller, int64) {}
	ping := frame(pingFrame, nil)
	sent := 0
	gap := pingS / float64(len(fleet))
	events := make([]syscall.EpollEvent, 512)
	for loop.lost == nil && time.Since(loop.begun).Seconds() < seconds {
		for time.Since(loop.begun).Seconds() >= float64(sent)*gap {
			d := fleet[sent%len(fleet)]
			for _, link := range append(d.services[:len(d.services):len(d.services)], d.main) {
				if _, err := link.conn.Write(ping); err != nil {
					loop.lost = err
				}
			}
			sent++
		}
		loop.poll(10, events)
	}
	return loop.outcome(nil, time.Since(loop.begun).Seconds())
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}
