package main

// One TCP connection, with or without TLS: first driven by a goroutine while it logs in, later "raw", read and written
// without blocking by the epoll loops of rpc.go, so that 80,000 of them cost no goroutine.

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	ipBindAddressNoPort = 24 // of linux/in.h: the port is chosen at connect, so that sources share the range
	dialTimeout         = 20 * time.Second
	perSource           = 10000 // connections of one loopback source address; it has 28,000 ports
)

var dialled atomic.Int64

// wouldBlock is what crypto/tls takes for "later": it keeps what it has and stays usable.
type wouldBlock struct{}

func (wouldBlock) Error() string   { return "would block" }
func (wouldBlock) Timeout() bool   { return false }
func (wouldBlock) Temporary() bool { return true }

// socket is a net.Conn that can change from the runtime's poller to plain system calls.
type socket struct {
	*net.TCPConn
	fd int // -1: still the runtime's
}

func (s *socket) Read(p []byte) (int, error) {
	if s.fd < 0 {
		return s.TCPConn.Read(p)
	}
	n, err := syscall.Read(s.fd, p)
	if err == syscall.EAGAIN || err == syscall.EINTR {
		return 0, wouldBlock{}
	}
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errors.New("closed by the server")
	}
	return n, nil
}

func (s *socket) Write(p []byte) (int, error) {
	if s.fd < 0 {
		return s.TCPConn.Write(p)
	}
	done := 0
	for done < len(p) {
		n, err := syscall.Write(s.fd, p[done:])
		if err == syscall.EAGAIN || err == syscall.EINTR {
			time.Sleep(time.Millisecond) // the server does not read; what we send is small
			continue
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

func (s *socket) Close() error {
	if s.fd < 0 {
		return s.TCPConn.Close()
	}
	return syscall.Close(s.fd)
}

// Link is a connection and what was received on it but not yet used.
type Link struct {
	sock    *socket
	conn    net.Conn
	binding []byte // tls-server-end-point; empty without TLS
	in      []byte
	service string
}

var bindings sync.Map // DER of a leaf to its SHA-256: one server shows the same leaf ten thousand times

func bindingOf(leaf []byte) []byte {
	if found, ok := bindings.Load(string(leaf)); ok {
		return found.([]byte)
	}
	sum := sha256.Sum256(leaf)
	bindings.Store(string(leaf), sum[:])
	return sum[:]
}

// The bench does not check the chain: the certificate is compared by the channel binding of the login itself.
var tlsConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}

func dial(target string, secure bool) (*Link, error) {
	number := dialled.Add(1) / perSource
	dialer := net.Dialer{
		Timeout:   dialTimeout,
		KeepAlive: -1,
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(1+number/250%250), byte(number%250), 1)},
		Control: func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
			})
		},
	}
	plain, err := dialer.Dial("tcp4", target)
	if err != nil {
		return nil, err
	}
	_ = plain.SetDeadline(time.Now().Add(60 * time.Second))
	link := &Link{sock: &socket{TCPConn: plain.(*net.TCPConn), fd: -1}}
	link.conn = link.sock
	if secure {
		shaken := tls.Client(link.sock, tlsConfig)
		if err := shaken.Handshake(); err != nil {
			plain.Close()
			return nil, fmt.Errorf("TLS: %w", err)
		}
		link.binding = bindingOf(shaken.ConnectionState().PeerCertificates[0].Raw)
		link.conn = shaken
	}
	return link, nil
}

// close ends it without TIME_WAIT: the ports are needed for the next round.
func (l *Link) close() {
	if l.sock.fd < 0 {
		_ = l.sock.TCPConn.SetLinger(0)
		l.sock.TCPConn.Close()
		return
	}
	_ = syscall.SetsockoptLinger(l.sock.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	syscall.Close(l.sock.fd)
}

// makeRaw takes the descriptor away from Go's poller.
func (l *Link) makeRaw() error {
	if l.sock.fd >= 0 {
		return nil
	}
	_ = l.sock.TCPConn.SetDeadline(time.Time{})
	raw, err := l.sock.TCPConn.SyscallConn()
	if err != nil {
		return err
	}
	fd, dupErr := -1, error(nil)
	if err := raw.Control(func(own uintptr) { fd, dupErr = syscall.Dup(int(own)) }); err != nil {
		return err
	}
	if dupErr != nil {
		return dupErr
	}
	_ = l.sock.TCPConn.Close()
	l.sock.fd = fd
	return syscall.SetNonblock(fd, true)
}

// head reads on until one HTTP response head is there, and takes it.
func (l *Link) head() ([]byte, error) {
	for {
		if end := bytes.Index(l.in, []byte("\r\n\r\n")); end >= 0 {
			head := l.in[:end+4]
			l.in = l.in[end+4:]
			return head, nil
		}
		if err := l.more(); err != nil {
			return nil, err
		}
	}
}

// body takes n bytes.
func (l *Link) body(n int) ([]byte, error) {
	for len(l.in) < n {
		if err := l.more(); err != nil {
			return nil, err
		}
	}
	body := l.in[:n]
	l.in = l.in[n:]
	return body, nil
}

var chunks = sync.Pool{New: func() any { return make([]byte, 4096) }}

func (l *Link) more() error {
	chunk := chunks.Get().([]byte)
	n, err := l.conn.Read(chunk)
	l.in = append(l.in, chunk[:n]...)
	chunks.Put(chunk) //nolint:staticcheck // a slice header is cheap here
	if n > 0 {
		return nil
	}
	return err
}
