// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/globalsign/est"
)

// A refusal is an answer that the EST library sends as it stands.
type refusal struct {
	status int
	text   string
}

func refuse(status int, text string) error { return &refusal{status, text} }

func (r *refusal) StatusCode() int { return r.status }
func (r *refusal) Error() string   { return r.text }
func (r *refusal) RetryAfter() int { return 0 }

// An authority is the CA behind one host: est.CA with that host's profiles.
type authority struct {
	house    *house
	other    signer                   // unrelated, for the label otherca
	life     map[string]time.Duration // by profile; an IDevID needs none
	register *register
	profile  profiler
}

// A profiler decides what a first request (old is "") or a renewal is given.
type profiler func(csr *x509.CertificateRequest, old string) string

// CACerts gives issuing CA and root: RFC 7030, 4.1.
func (a *authority) CACerts(context.Context, string, *http.Request) ([]*x509.Certificate, error) {
	return append([]*x509.Certificate{a.house.issuing.cert, a.house.root.cert}, readAlso(a.house.also)...), nil
}

// CSRAttrs asks for nothing.
func (a *authority) CSRAttrs(context.Context, string, *http.Request) (est.CSRAttrs, error) {
	return est.CSRAttrs{}, nil
}

// Enroll issues by the host's profile. The library has checked the request's own signature.
func (a *authority) Enroll(ctx context.Context, csr *x509.CertificateRequest, aps string, _ *http.Request) (*x509.Certificate, error) {
	return a.issue(ctx, csr, csr.PublicKey, aps, "")
}

// Reenroll issues by the profile of the old certificate. The library has compared the names.
func (a *authority) Reenroll(ctx context.Context, old *x509.Certificate, csr *x509.CertificateRequest, aps string, _ *http.Request) (*x509.Certificate, error) {
	profile := a.register.profile(old, &a.house.issuing)
	if profile == "" {
		return nil, refuse(http.StatusForbidden, "the old certificate was not issued here")
	}
	return a.issue(ctx, csr, csr.PublicKey, aps, profile)
}

// ServerKeyGen is not offered: a device's key never leaves its TPM.
func (a *authority) ServerKeyGen(context.Context, *x509.CertificateRequest, string, *http.Request) (*x509.Certificate, []byte, error) {
	return nil, nil, refuse(http.StatusNotImplemented, "server-side key generation is not offered here")
}

func (a *authority) issue(ctx context.Context, csr *x509.CertificateRequest, public crypto.PublicKey, aps, old string) (*x509.Certificate, error) {
	want, err := parseLabel(aps)
	if err != nil {
		return nil, refuse(http.StatusNotFound, err.Error())
	}
	profile := a.profile(csr, old)
	by := &a.house.issuing
	if want.otherCA {
		by = &a.other
	}
	t, err := template(profile, csr, a.life[profile])
	if err != nil {
		return nil, err
	}
	if want.life != 0 {
		t.NotAfter = time.Now().Add(want.life)
	}
	if want.expired {
		t.NotBefore, t.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	}
	if t.NotAfter.After(by.cert.NotAfter) {
		t.NotAfter = by.cert.NotAfter
	}
	if want.otherKey {
		key, err := newKey()
		if err != nil {
			return nil, err
		}
		public = key.Public()
	}
	cert, err := by.sign(t, public)
	if err != nil {
		return nil, err
	}
	entryOf(ctx).issued = cert
	return cert, a.register.add(cert, profile)
}
