// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const prefix = "/.well-known/est/"

// splitPath gives label and operation of /.well-known/est/[LABEL/]OPERATION.
func splitPath(path string) (lab, operation string) {
	rest := strings.TrimPrefix(path, prefix)
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[:i], rest[i+1:]
	}
	return "", rest
}

// behaviour does what a label says about answers; what it says about certificates the authority does.
type behaviour struct {
	next       http.Handler
	redirectTo string
	password   string

	mu       sync.Mutex
	deferred map[[32]byte]time.Time // when a request may be answered
}

func (b *behaviour) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	lab, operation := splitPath(r.URL.Path)
	l, err := parseLabel(lab)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost && !l.onGet {
		b.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<17))
	if err != nil {
		http.Error(w, "the request is too long", http.StatusRequestEntityTooLarge)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if l.slow != 0 {
		select {
		case <-time.After(l.slow):
		case <-r.Context().Done():
			return
		}
	}
	if b.answer(w, r, l, operation) || b.postpone(w, r, l, body) {
		return
	}
	b.next.ServeHTTP(w, r)
}

// answer gives the answers that do not depend on the request's contents.
func (b *behaviour) answer(w http.ResponseWriter, r *http.Request, l label, operation string) bool {
	user, password, _ := r.BasicAuth()
	right := subtle.ConstantTimeCompare([]byte(password), []byte(b.password)) == 1 && user == "device"
	switch {
	case l.drop:
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case l.basic && !right:
		w.Header().Set("WWW-Authenticate", `Basic realm="estca"`)
		http.Error(w, "401 user and password are needed", http.StatusUnauthorized)
	case l.redirect:
		w.Header().Set("Location", b.redirectTo+prefix+operation)
		w.WriteHeader(http.StatusFound)
	case l.redirHere:
		w.Header().Set("Location", prefix+operation)
		w.WriteHeader(http.StatusTemporaryRedirect)
	case l.html:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintln(w, "<!DOCTYPE html><title>Welcome</title><p>Please log in to the network.")
	case l.empty:
		w.WriteHeader(http.StatusOK)
	case l.status != 0:
		if l.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		http.Error(w, fmt.Sprintf("%d asked for by the label", l.status), l.status)
	default:
		return false
	}
	return true
}

// postpone says 202 until the time since the first of these requests is over: RFC 7030, 4.2.3.
func (b *behaviour) postpone(w http.ResponseWriter, r *http.Request, l label, body []byte) bool {
	if l.deferFor == 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id := sha256.Sum256(append([]byte(r.URL.Path+"\n"), body...))
	due, known := b.deferred[id]
	if !known {
		due = time.Now().Add(l.deferFor)
		b.deferred[id] = due
	}
	left := time.Until(due)
	if left <= 0 {
		delete(b.deferred, id)
		return false
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(left.Seconds()))))
	w.WriteHeader(http.StatusAccepted)
	return true
}
