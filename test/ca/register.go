// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The register knows the profile of each certificate by its serial number, in the file "issued", a line each.
type register struct {
	mu       sync.Mutex
	file     *os.File
	profiles map[string]string
}

func openRegister(dir string) (*register, error) {
	name := filepath.Join(dir, "issued")
	data, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	r := &register{profiles: map[string]string{}}
	for _, line := range strings.Split(string(data), "\n") {
		if serial, profile, ok := strings.Cut(line, " "); ok {
			r.profiles[serial] = profile
		}
	}
	r.file, err = os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return r, err
}

func (r *register) add(cert *x509.Certificate, profile string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	serial := cert.SerialNumber.Text(16)
	r.profiles[serial] = profile
	_, err := fmt.Fprintf(r.file, "%s %s\n", serial, profile)
	return err
}

// profile is "" if by did not issue cert.
func (r *register) profile(cert *x509.Certificate, by *signer) string {
	if cert.CheckSignatureFrom(by.cert) != nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.profiles[cert.SerialNumber.Text(16)]
}

// is tells whether house's CA issued cert under one of the profiles.
func (r *register) is(cert *x509.Certificate, h *house, profiles ...string) bool {
	if cert == nil {
		return false
	}
	had := r.profile(cert, &h.issuing)
	for _, p := range profiles {
		if had == p {
			return true
		}
	}
	return false
}

// An entry is what one request adds to the log.
type entry struct {
	http.ResponseWriter
	status int
	issued *x509.Certificate
}

type entryKey struct{}

func entryOf(ctx context.Context) *entry {
	if e, ok := ctx.Value(entryKey{}).(*entry); ok {
		return e
	}
	return &entry{}
}

func (e *entry) WriteHeader(status int) {
	if e.status == 0 {
		e.status = status
	}
	e.ResponseWriter.WriteHeader(status)
}

func (e *entry) Write(data []byte) (int, error) {
	if e.status == 0 {
		e.status = http.StatusOK
	}
	return e.ResponseWriter.Write(data)
}

// A journal is requests.log: a line a request, fields apart by tabs.
type journal struct {
	mu   sync.Mutex
	file *os.File
}

func openJournal(dir string) (*journal, error) {
	f, err := os.OpenFile(filepath.Join(dir, "requests.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return &journal{file: f}, err
}

// keep wraps next so that each request to host is logged, one that panics (label drop) too: its status is 0.
func (j *journal) keep(host string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := &entry{ResponseWriter: w}
		remote := r.RemoteAddr
		defer func() { j.write(host, remote, r, e) }()
		next.ServeHTTP(e, r.WithContext(context.WithValue(r.Context(), entryKey{}, e)))
	})
}

func (j *journal) write(host, remote string, r *http.Request, e *entry) {
	client, issued := "-", "-"
	if c := clientCertificate(r); c != nil {
		client = c.Subject.String()
	}
	if e.issued != nil {
		issued = fmt.Sprintf("%s serial=%x notAfter=%s", e.issued.Subject, e.issued.SerialNumber, e.issued.NotAfter.UTC().Format(time.RFC3339))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(j.file, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", time.Now().UTC().Format(time.RFC3339), host, r.Method,
		r.URL.EscapedPath(), remote, client, e.status, issued, r.Proto)
}

func clientCertificate(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.TLS.PeerCertificates[0]
}
