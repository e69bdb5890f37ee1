package main

// Many devices: so many in flight at once, each outcome counted, each time kept.

import (
	"errors"
	"math/rand"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// Outcome of a command, as the bench reads it.
type Outcome struct {
	OK       int     `json:"ok"`
	Failed   int     `json:"failed"`
	Error    string  `json:"error,omitempty"`
	Seconds  float64 `json:"seconds"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Max      float64 `json:"max_ms"`
	Attempts int     `json:"attempts"`
	// Histogram of an open loop: tenths of a millisecond to count, so that processes can be added up.
	Tenths map[int]int `json:"tenths,omitempty"`
}

// run does work(i) for all i, `inflight` at a time.
func run(count, inflight int, work func(i int) error) Outcome {
	var next, failed atomic.Int64
	var first atomic.Value
	times := make([]float64, count)
	begun := time.Now()
	var group sync.WaitGroup
	for w := 0; w < inflight && w < count; w++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				at := time.Now()
				if err := work(i); err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, err.Error())
				}
				times[i] = time.Since(at).Seconds() * 1000
			}
		}()
	}
	group.Wait()
	outcome := Outcome{Seconds: time.Since(begun).Seconds(), Failed: int(failed.Load())}
	outcome.OK, outcome.Attempts = count-outcome.Failed, count
	if text, ok := first.Load().(string); ok {
		outcome.Error = text
	}
	outcome.quantiles(times)
	return outcome
}

func (o *Outcome) quantiles(times []float64) {
	if len(times) == 0 {
		return
	}
	sort.Float64s(times)
	o.P50, o.P99, o.Max = times[len(times)/2], times[len(times)*99/100], times[len(times)-1]
}

// patient repeats as a device does: after a hint, or from a range that doubles, drawn at random. What it gives back is
// the number of attempts; it gives up, which a device never does, when the deadline is over.
func patient(deadline time.Time, attempt func() error) (int, error) {
	for n := 1; ; n++ {
		err := attempt()
		if err == nil {
			return n, nil
		}
		wait := rand.Float64() //nolint:gosec // jitter
		if n > 1 {
			span := 1.0
			for i := 1; i < n && span < 300; i++ {
				span *= 2
			}
			wait = 0.5 + wait*(span-0.5)
		}
		var no *refused
		if errors.As(err, &no) && no.retryAfter > 0 {
			wait = no.retryAfter * (1 + rand.Float64()) //nolint:gosec // jitter
		}
		if time.Now().Add(time.Duration(wait * float64(time.Second))).After(deadline) {
			return n, err
		}
		time.Sleep(time.Duration(wait * float64(time.Second)))
	}
}
